//! What a head costs: found, parsed, routed, and written anew.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use underpass_benches::{BROWSER, SWITCH, rules};
use underpass_core::edit::{Changes, Editor, Vars};
use underpass_core::head::{Buf, Buffers, Request, Response, Scan, slots};
use underpass_core::limits::Limits;
use underpass_core::negotiate::forward::{Way, request as write};
use underpass_core::negotiate::offer::accepts;
use underpass_core::negotiate::{Offer, judge};
use underpass_core::route::{Asked, CleanPath, Door, Place, Rules, Upgrade};
use underpass_core::time::Wait;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    group.throughput(Throughput::Bytes(BROWSER.len() as u64));
    for piece in [BROWSER.len(), 16, 1] {
        let name = if piece == BROWSER.len() { "whole".into() } else { format!("by {piece}") };
        group.bench_function(format!("scan and parse, {name}"), |bencher| {
            bencher.iter(|| {
                let mut scan = Scan::default();
                let mut ends = (piece..BROWSER.len()).step_by(piece).chain([BROWSER.len()]);
                let head =
                    ends.find_map(|end| scan.find(&BROWSER[..end], &Limits::DEFAULT).ok()?);
                let mut slots = slots();
                let head = &BROWSER[head.expect("the head is good")];
                black_box(Request::parse(head, &mut slots)).is_ok()
            });
        });
    }
    group.finish();
}

fn negotiate(criterion: &mut Criterion) {
    let rules = rules();
    let mut fields = slots();
    let request = Request::parse(BROWSER, &mut fields).expect("the head is good");
    let mut group = criterion.benchmark_group("negotiate");
    group.bench_function("route and offer", |bencher| {
        bencher.iter(|| {
            let place = place(&rules, black_box(&request));
            let said = rules.at(&place).expect("it stands there");
            Offer::of(&request, said.forward, said.scope)
        });
    });
    let place = place(&rules, &request);
    let said = rules.at(&place).expect("it stands there");
    let offer = Offer::of(&request, said.forward, said.scope).expect("it is a handshake");
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (scheme, offer) = ("http", &offer);
    let changes = Changes::none(0);
    let editor = Editor::new(&rules, &changes, Wait::ZERO);
    let target = &said.forward.target;
    let way = Way { said, target, editor, client, scheme, hops: None, offer, reuses: true };
    group.bench_function("write the forwarded head", |bencher| {
        let (mut out, mut buffers) = (Buf::default(), Buffers::default());
        bencher.iter(|| {
            write(&request, black_box(way), &mut out, &mut buffers);
            out.clear(&mut buffers);
        });
    });
    group.bench_function("parse and judge the 101", |bencher| {
        bencher.iter(|| {
            let mut slots = slots();
            let response = Response::parse(black_box(SWITCH), &mut slots).expect("it is good");
            judge(offer, true, &response).is_ok()
        });
    });
    group.finish();
}

fn place(rules: &Rules, request: &Request<'_, '_>) -> Place {
    let path = CleanPath::parse(request.path).expect("the path is good");
    let accepts = |upgrade: &Upgrade| accepts(request, upgrade);
    let asked = Asked {
        path: &path,
        has_upgrade: true,
        accepts: &accepts,
        offers: &|_| true,
        vars: Vars::NONE,
    };
    let host = rules.host(Door::default(), request.host());
    rules.place(host, &asked).expect("a rule matches")
}

criterion_group!(benches, parse, negotiate);
criterion_main!(benches);
