//! What observers are told: each event with its pass.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tagferry::event::{Event, EventKind, Exchange, Observer, PassId};
use tagferry::pass::{Mode, Stop};

use crate::fake::{Action, Face, Fault, Match, Registry, random_image};
use crate::world::{APP, app, assert_succeeded, mirror};

/// Each request and each retry: what it was, and for which pass.
#[derive(Default)]
struct Asked(Mutex<Vec<(String, Option<PassId>)>>);

impl Observer for Asked {
    fn observe(&self, event: &Event<'_>) {
        let what = match event.kind {
            EventKind::Exchange(Exchange::Requested { method, .. }) => method.to_owned(),
            EventKind::Exchange(Exchange::Retried { reason, .. }) => reason.to_owned(),
            _ => return,
        };
        self.0.lock().unwrap().push((what, event.pass.cloned()));
    }
}

/// Clients are shared by all passes, and the rest of a blob is asked for by whoever reads the body of its upload.
#[tokio::test]
async fn requests_and_retries_belong_to_the_pass_that_needs_them() {
    let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Open).await);
    for name in ["app", "other"] {
        source.push(name, "1", &random_image(name.len() as u64, &[100_000]));
    }
    // The rest is no longer than that, and comes whole.
    source.fault(Fault::new(Match::blob_get(), Action::CutBody { after: 50_000 }));
    let asked = Arc::new(Asked::default());
    let config = mirror(&source, &target, &(APP.to_owned() + &APP.replace("app", "other")));
    let app = Box::pin(app(&config, asked.clone())).await;
    let summary = Box::pin(app.run(Mode::Sync, &Stop::default())).await;
    assert_succeeded(&summary);
    let asked = asked.0.lock().unwrap();
    assert_eq!(asked.iter().filter(|(what, _)| what == "truncated" || what == "transport").count(), 2);
    let passes: BTreeSet<_> = asked
        .iter()
        .map(|(what, pass)| {
            let pass = pass.as_ref().unwrap_or_else(|| panic!("{what} of no pass"));
            (pass.pair.mirror.as_str(), pass.pair.target.clone(), pass.generation, pass.number)
        })
        .collect();
    let expected = ["app", "other"].map(|name| (name, format!("{}/{name}", target.host()), 1, 1));
    assert_eq!(passes, BTreeSet::from(expected));
}
