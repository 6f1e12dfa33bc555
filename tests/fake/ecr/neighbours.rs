//! The AWS services that stand beside ECR: STS for roles, Secrets Manager for credentials.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::fake::wire::Reply;

use super::access::denial;
use super::api::{Outcome, fail};
use super::{ACCOUNT, REGION, Service};

impl Service {
    /// Gives keys for a role: the access key is `ASIA` and the role's name, so a later call shows it.
    pub(super) fn assume_role(&self, body: &Bytes) -> Reply {
        let input = |key: &str| {
            url::form_urlencoded::parse(body)
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        if input("Action") != "AssumeRole" {
            return sts_error(400, "InvalidAction", "the fake knows only AssumeRole");
        }
        if self.is_denied("sts:AssumeRole") {
            return sts_error(403, "AccessDenied", &denial("sts:AssumeRole", ""));
        }
        let role = input("RoleArn");
        let name = role.rsplit('/').next().unwrap_or_default();
        let session = input("RoleSessionName");
        xml(
            200,
            &format!(
                r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROAEXAMPLE:{session}</AssumedRoleId><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIA{name}</AccessKeyId><SecretAccessKey>secret-of-{name}</SecretAccessKey>
<SessionToken>session-of-{name}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"#
            ),
        )
    }

    pub(super) fn secret_value(&self, input: &Value) -> Outcome {
        let id = input["SecretId"].as_str().unwrap_or_default();
        match self.secrets.lock().unwrap().get(id) {
            Some(text) => Ok(json!({
                "ARN": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{id}"),
                "Name": id,
                "SecretString": text,
                "VersionId": "1",
            })),
            None => fail("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
        }
    }
}

fn sts_error(status: u16, code: &str, message: &str) -> Reply {
    xml(
        status,
        &format!(
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
        ),
    )
}

fn xml(status: u16, body: &str) -> Reply {
    Reply::status(status).header(CONTENT_TYPE, "text/xml").body(body.to_owned())
}
