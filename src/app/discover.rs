//! Which repositories there are, found out before anything is made for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::app::Options;
use crate::app::clients::Clients;
use crate::config::{Config, Discovery, Found};
use crate::oci::{Host, Repository};
use crate::pass::Stop;
use crate::source;
use crate::target;

/// All lists together may take so long: nothing else begins before.
const TIME_MAX: Duration = Duration::from_mins(2);

/// Asks registries for their repositories, as far as some are to be discovered: each list once, side by side, and none beyond the
/// deadline of the run or a `stop`. What fails is told with what was to be discovered. What they list is for [`Config::parse_found`].
pub async fn repositories(config: &Config, options: Options, stop: &Stop) -> Found {
    let until = Instant::now() + TIME_MAX;
    let until = options.deadline.map_or(until, |deadline| deadline.at.min(until));
    // ECR has one list for all of a registry; elsewhere there may be a login for each part of it.
    let mut lists: BTreeMap<(&Host, Option<&Repository>), Vec<&Discovery>> = BTreeMap::new();
    for discovery in &config.discoveries {
        let Discovery { host, asker, .. } = discovery;
        let asker = config.registry(host).ecr.is_none().then_some(asker);
        lists.entry((host, asker)).or_default().push(discovery);
    }
    let lists = lists.into_values().map(|discoveries| {
        let clients = Clients::new(config, options.clone(), Arc::new(|_| {}));
        async move {
            let listed = tokio::select! {
                listed = Box::pin(list(clients, config, discoveries[0])) => listed,
                () = tokio::time::sleep_until(until) => Err("its list was not read in time".to_owned()),
                () = stop.soft.cancelled() => Err("stopped before its list was read".to_owned()),
            };
            let of = |discovery: &Discovery| (discovery.source.clone(), discovery.listed(&listed));
            discoveries.into_iter().map(of).collect::<Vec<_>>()
        }
    });
    join_all(lists).await.into_iter().flatten().collect()
}

/// All repositories of a registry, or why they are not known.
async fn list(
    mut clients: Clients,
    config: &Config,
    Discovery { host, asker, .. }: &Discovery,
) -> Result<Vec<Repository>, String> {
    if let Some(settings) = config.registry(host).ecr {
        let api = clients.api(host, &settings).await;
        return api.repositories().await.map_err(|error| target::Error::from(error).told());
    }
    let client = clients.client(config, host).await.map_err(|error| error.to_string())?;
    client.catalogue(asker).await.map_err(|error| source::Error::from(error).told())
}
