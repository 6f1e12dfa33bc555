//! Time that goes by: which mirrors got late.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::ledger::Ledger;
use crate::notice::Notifier;

/// So often it is looked. No event says that nothing happened.
const LOOK: Duration = Duration::from_mins(1);

/// Looks again and again which mirrors got late, and tells of each once.
pub(super) async fn age(ledger: Arc<Ledger>, notifiers: watch::Receiver<Arc<Notifier>>) -> Infallible {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let now = Timestamp::now();
        for record in ledger.age(now) {
            let mirror = &record.name;
            warn!(mirror, target.repository = record.target, "Mirror `{mirror}` is late: a success was due");
            notifiers.borrow().late(&record, now);
        }
    }
}
