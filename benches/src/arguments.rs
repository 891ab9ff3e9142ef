//! The numbers that a measuring tool is given.

use std::io;
use std::iter;

use crate::daemon::failure;

/// The arguments of this process, in that order; none where one is left out. Each is at least 1.
///
/// # Errors
///
/// If one is no such number, or if there are more than names.
pub fn numbers<const N: usize>(names: [&str; N]) -> io::Result<[Option<usize>; N]> {
    numbers_of(std::env::args().skip(1), names)
}

fn numbers_of<const N: usize>(
    mut given: impl Iterator<Item = String>,
    names: [&str; N],
) -> io::Result<[Option<usize>; N]> {
    let mut numbers = [None; N];
    for ((name, number), given) in iter::zip(names, &mut numbers).zip(&mut given) {
        *number = given.parse().ok().filter(|&number| number > 0);
        if number.is_none() {
            return Err(failure(format!("{name}: {given:?} is not a number from 1 on")));
        }
    }
    match given.next() {
        None => Ok(numbers),
        Some(surplus) => Err(failure(format!("{surplus:?}: nothing more than {names:?} is taken"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Result<[Option<usize>; 2], String> {
        let words = line.split_whitespace().map(str::to_owned);
        numbers_of(words, ["A", "B"]).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_may_be_left_out_from_the_end() {
        assert_eq!(said(""), Ok([None, None]));
        assert_eq!(said("7"), Ok([Some(7), None]));
        assert_eq!(said("7 8"), Ok([Some(7), Some(8)]));
    }

    #[test]
    fn what_is_no_number_is_named() {
        assert_eq!(said("7 x"), Err("B: \"x\" is not a number from 1 on".to_owned()));
        assert_eq!(said("0"), Err("A: \"0\" is not a number from 1 on".to_owned()));
        assert_eq!(
            said("7 8 9"),
            Err("\"9\": nothing more than [\"A\", \"B\"] is taken".to_owned())
        );
    }
}
