//! Which repositories there are, found out before anything is made for them.

use std::sync::Arc;

use crate::app::clients::Clients;
use crate::app::{Error, Options};
use crate::config::{Config, Discovery, Found};
use crate::source;
use crate::target;

/// Asks registries for their repositories, as far as some are to be discovered. What they list is for [`Config::parse_found`].
pub async fn discover(config: Config, options: Options) -> Result<Found, Error> {
    let mut clients = Clients::new(&config, options, Arc::new(|_| {}));
    let mut found = Found::new();
    for Discovery { source, host, asker, .. } in config.discoveries.clone() {
        let listed = if let Some(settings) = config.registry(&host).ecr {
            let api = clients.api(&host, &settings).await;
            api.repositories().await.map_err(|error| target::Error::from(error).told())
        } else {
            let client = clients.client(&config, &host).await?;
            client.catalogue(&asker).await.map_err(|error| source::Error::from(error).told())
        };
        match listed {
            Ok(repositories) => found.insert(source, repositories),
            Err(why) => return Err(Error::Discovery { what: source, why }),
        };
    }
    Ok(found)
}
