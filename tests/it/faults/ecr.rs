//! What only happens at Amazon ECR.

use serde_json::json;

use crate::fake::Action::LoseAnswer;
use crate::fake::{Action, Reply};
use crate::faults::aws;
use crate::faults::scenario::Ends::{Copied, MirrorFails, TagFails, TagsFail};
use crate::faults::scenario::How::Meanwhile;
use crate::faults::scenario::When::{Always, Once, Twice};
use crate::faults::scenario::{Scenario, assert_all, given, row};
use crate::faults::stage::Way::{Ecr, FixedEcr, ImmutableEcr};
use crate::faults::stage::What;
use crate::faults::stage::What::{Api, ChildPut, LayerGet, LayerPut, Look, TagPut, UploadStart};
use crate::faults::stage::World;

const TOKEN: What = Api("GetAuthorizationToken");
const CREATE: What = Api("CreateRepository");
const TAGS: What = Api("DescribeImages");
const LAYERS: What = Api("BatchCheckLayerAvailability");

fn tokens() -> Vec<Scenario> {
    let dies = |name, what| {
        let expire = Meanwhile(|world| world.ecr().expire_tokens());
        row(name, Ecr, what, expire, Once, Copied).counts([(TOKEN, 2)])
    };
    let passes = |name, what, action| row(name, Ecr, what, action, Once, Copied).counts([(what, 2)]);
    let throttled = |name, what, count| {
        row(name, Ecr, what, Action::throttle(Some(0)), Twice, Copied).counts([(what, count)])
    };
    let unknown = || Action::Answer(Reply::status(401).body("Not Authorized"));
    let expired = || Action::error(403, "DENIED", "Your authorization token has expired. Reauthenticate.");
    vec![
        dies("token expires at a start", UploadStart),
        dies("token expires at a layer", LayerPut).counts([(LayerPut, 2)]),
        dies("token expires at a child", ChildPut).counts([(ChildPut, 2)]),
        dies("token expires at a tag", TagPut).counts([(TagPut, 2)]),
        dies("token expires at the last look", Look).counts([(Look, 2)]),
        passes("token unknown at a layer", LayerPut, unknown()),
        passes("token unknown at a tag", TagPut, unknown()).counts([(TOKEN, 2)]),
        row("every token expired", Ecr, TagPut, expired(), Always, MirrorFails(&["token has expired"]))
            .counts([(TagPut, 2), (TOKEN, 2)]),
        throttled("throttled start", UploadStart, 6),
        throttled("throttled layer", LayerPut, 3),
        throttled("throttled child", ChildPut, 3),
        throttled("throttled tag", TagPut, 3),
        throttled("throttled last look", Look, 3),
        passes("throttled question for tags", TAGS, Action::api_throttle()),
        passes("throttled creation", CREATE, Action::api_throttle()),
        passes("throttled token", TOKEN, Action::api_throttle()),
    ]
}

#[tokio::test]
async fn tokens_and_throttling_end_as_they_must() {
    assert_all(tokens()).await;
}

fn images() -> Vec<Scenario> {
    let delete = || Meanwhile(|world| world.ecr().delete("app"));
    let unsupported = || Action::error(405, "UNSUPPORTED", "Invalid parameter at 'ImageManifest'");
    let over_quota = || {
        let words =
            "The repository with name 'app' already has the maximum allowed number of images which is 100000";
        Action::error(403, "LIMIT_EXCEEDED", words)
    };
    let quota = &["403 Forbidden: LIMIT_EXCEEDED", "a quota of ", "is used up, not the login refused"];
    let unclear = || {
        let images = ["1.0", "2.0"].map(|tag| json!({"imageTags": [tag], "imageStatus": "ARCHIVED"}));
        Action::Answer(Reply::json(200, &json!({"imageDetails": images})))
    };
    let restore = &["cannot restore the repository", "`create_repositories: true`"];
    let overtaken = &["conflict: the target has ", "immutable"];
    let conflict = &["conflict: target has", "its tags are immutable", "let the tag move"];
    let refusal = &["target: cannot write manifest 2.0", "405", "UNSUPPORTED: Invalid parameter"];
    vec![
        row("repository deleted", Ecr, UploadStart, delete(), Always, Copied),
        row("repository deleted for good", FixedEcr, UploadStart, delete(), Always, TagsFail(restore))
            .counts([(CREATE, 0), (TagPut, 0)]),
        row("immutable, lost answer", ImmutableEcr, TagPut, LoseAnswer, Once, Copied).counts([(TagPut, 2)]),
        row(
            "immutable, overtaken",
            ImmutableEcr,
            TagPut,
            Meanwhile(World::overtake),
            Once,
            TagFails(overtaken),
        )
        .counts([(TagPut, 1)]),
        given("immutable, other before", ImmutableEcr, World::overtake, TagFails(conflict))
            .counts([(TagPut, 0), (LayerGet, 0)]),
        row("quota of images", Ecr, TagPut, over_quota(), Always, TagFails(quota)).counts([(TagPut, 1)]),
        row("refused manifest", Ecr, TagPut, unsupported(), Always, TagFails(refusal)).counts([(TagPut, 1)]),
        row("child gone before its index", Ecr, TagPut, Meanwhile(World::lose_child), Once, Copied).counts([
            (TagPut, 2),
            (ChildPut, 2),
            (LayerPut, 1),
        ]),
        row("layer gone before its manifest", Ecr, ChildPut, Meanwhile(World::lose_layer), Once, Copied)
            .counts([(ChildPut, 2), (LayerPut, 2)]),
        given("child without its layer", FixedEcr, World::half_copied, Copied)
            .counts([(LayerPut, 1), (ChildPut, 1)]),
        row("unclear answer for tags", FixedEcr, TAGS, unclear(), Once, Copied).counts([(Look, 2)]),
    ]
}

#[tokio::test]
async fn images_and_repositories_end_as_they_must() {
    assert_all(images()).await;
}

fn refusals() -> Vec<Scenario> {
    let refused = |name, what, code, words| {
        row(name, Ecr, what, aws(code), Always, MirrorFails(words)).counts([(TagPut, 0)])
    };
    let denied = |name, action: &'static str, words| {
        given(name, Ecr, move |world| world.ecr().deny(action), MirrorFails(words)).counts([(TagPut, 0)])
    };
    let invalid = || aws("InvalidParameterException");
    let unanswered = &["cannot ask which blobs it has", "so AWS says"];
    vec![
        refused("no key", CREATE, "KmsException", &["the KMS key cannot be used"]).counts([(CREATE, 1)]),
        refused("credentials expired", TAGS, "ExpiredTokenException", &["expired"]).counts([(TAGS, 1)]),
        refused("no token", TOKEN, "AccessDeniedException", &["ecr:GetAuthorizationToken"]),
        refused("may not ask for layers", LAYERS, "AccessDeniedException", &["access denied", "so AWS says"]),
        row("no answer about layers", Ecr, LAYERS, invalid(), Always, TagsFail(unanswered))
            .counts([(TagPut, 0)]),
        denied("may not create", "ecr:CreateRepository", &["ecr:CreateRepository"]),
        denied("may not upload", "ecr:UploadLayerPart", &["ecr:UploadLayerPart"]),
        denied("may not put images", "ecr:PutImage", &["403", "ecr:PutImage"])
            // Nor the image without a tag that comes before it.
            .counts([(ChildPut, 1)]),
    ]
}

#[tokio::test]
async fn refusals_end_as_they_must() {
    assert_all(refusals()).await;
}
