//! `lbmethod=heartbeat`: who serves is who says that it can, in the file that httpd keeps.

mod house;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use house::{Backend, Daemon, Wire, eventually, heads};

/// The file, which is another one for each test.
struct Storage(PathBuf);

impl Storage {
    fn new(name: &str) -> Self {
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// Writes it as httpd does: at no time is there half of it.
    fn write(&self, text: &str, age: Duration) {
        let new = self.0.with_extension("new");
        fs::write(&new, text).expect("the folder of tests can be written to");
        let file = fs::File::options().write(true).open(&new).expect("it is there");
        file.set_modified(SystemTime::now() - age).expect("it is ours");
        fs::rename(new, &self.0).expect("the folder of tests can be written to");
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // A test that has failed may have written none.
        let _ = fs::remove_file(&self.0);
    }
}

/// A backend at the address of this machine that ends with this number, which answers by that number.
fn member(last: u8) -> SocketAddr {
    let backend = Backend::listen((Ipv4Addr::new(127, 0, 0, last), 0).into());
    let address = backend.address();
    backend.serve(move |stream| {
        let mut wire = Wire::new(stream);
        if wire.head_or_end().is_some() {
            let IpAddr::V4(ip) = address.ip() else { panic!("it is of IPv4") };
            wire.send(heads::fine(&ip.octets()[3].to_string()));
        }
    });
    address
}

/// Who answers the next requests; `503` for nobody.
fn who(daemon: &Daemon, times: usize) -> Vec<String> {
    let answer = |_| {
        let mut client = daemon.connect();
        client.send(heads::get("/", ""));
        let answer = client.text();
        let status = heads::status(&answer);
        (if status == "200" { heads::body(&answer) } else { status }).to_owned()
    };
    (0..times).map(answer).collect()
}

fn run(storage: &Storage, members: &[SocketAddr]) -> Daemon {
    let member = |address| format!("BalancerMember http://{address}\n");
    let members: String = members.iter().map(member).collect();
    let path = storage.0.display();
    Daemon::run(&format!(
        "HeartbeatStorage {path}\n<Proxy balancer://app>\n{members}ProxySet lbmethod=heartbeat\n\
         </Proxy>\nProxyPass / balancer://app/"
    ))
}

#[test]
fn who_can_take_more_serves_more() {
    let (storage, members) = (Storage::new("more.dat"), [1, 2].map(member));
    let says = |first: u32, second: u32| {
        let new = Duration::ZERO;
        let text = format!(
            "127.0.0.1 &ready={first}&busy=1&lastseen=0&port=80\n\
             127.0.0.2 &ready={second}&busy=1&lastseen=1&port={}\nnonsense\n",
            members[1].port()
        );
        storage.write(&text, new);
    };
    says(3, 1);
    let daemon = run(&storage, &members);
    assert_eq!(who(&daemon, 4), ["1", "1", "2", "1"], "from the first request on");
    says(0, 5);
    eventually("it is read again", || who(&daemon, 4) == ["2"; 4]);
    says(0, 0);
    eventually("nobody can take anything", || who(&daemon, 1) == ["503"]);
    says(1, 0);
    eventually("one can again", || who(&daemon, 2) == ["1"; 2]);
    let told = "line 3 is no heartbeat: it does not begin with an address";
    assert_eq!(daemon.said().matches(told).count(), 1, "{}", daemon.said());
}

#[test]
fn who_was_heard_long_ago_serves_nobody_and_neither_does_a_file_of_long_ago() {
    let (storage, member) = (Storage::new("long-ago.dat"), member(1));
    let write = |seen: u32, age: u64| {
        let text = format!("127.0.0.1 &ready=3&busy=1&lastseen={seen}&port=80\n");
        storage.write(&text, Duration::from_secs(age));
    };
    let daemon = run(&storage, &[member]);
    assert_eq!(who(&daemon, 1), ["503"], "there is no file");
    assert!(daemon.said().contains("it cannot be read"), "{}", daemon.said());
    write(0, 0);
    eventually("it is heard", || who(&daemon, 1) == ["1"]);
    write(10, 0);
    eventually("it was heard long ago", || who(&daemon, 1) == ["503"]);
    write(0, 0);
    eventually("it is heard again", || who(&daemon, 1) == ["1"]);
    write(0, 10);
    eventually("the file is of long ago", || who(&daemon, 1) == ["503"]);
}
