//! An API of ECR on a loopback address.

use std::sync::Arc;

use crate::aws::testing::{FakeAws, config};
use crate::ecr::client::{Api, Options};

impl FakeAws {
    pub(super) fn options(&self) -> Options {
        Options {
            credentials: None,
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            role_arn: None,
            endpoint_url: Some(self.url.clone()),
            fips: false,
            dual_stack: false,
            observer: Arc::new(|_| {}),
        }
    }

    pub(super) fn api(&self) -> Api {
        Api::new(self.options(), &config())
    }
}
