//! What a repository holds, a hundred questions a call.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput;
use aws_sdk_ecr::types::{Image, ImageFailure, ImageFailureCode, ImageIdentifier, LayerAvailability};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::oci::{Digest, MediaType, Repository, Tag};

/// ECR takes no more in one call.
const BATCH_MAX: usize = 100;
/// Calls under way at a time, for one question. ECR allows a thousand and more a second.
const CONCURRENT_CALLS_MAX: usize = 4;

/// What ECR says of some tags. Each tag asked for is in exactly one of the three.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// These are there, with this digest.
    pub held: BTreeMap<Tag, Digest>,
    /// These are not there.
    pub missing: BTreeSet<Tag>,
    /// Of these the answer is not clear; the registry itself has to be asked.
    pub doubtful: BTreeSet<Tag>,
}

impl Api {
    /// Asks which digests these tags have. Of a missing repository, the error
    /// [is its absence](Error::is_repository_missing).
    pub async fn digests(&self, repository: &Repository, tags: &[Tag]) -> Result<Presence, Error> {
        let tags: Vec<_> = tags.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let answers = stream::iter(tags.chunks(BATCH_MAX))
            .map(|batch| self.digests_of_batch(repository, batch))
            .buffer_unordered(CONCURRENT_CALLS_MAX);
        let merge = async |mut all: Presence, batch: Presence| {
            all.held.extend(batch.held);
            all.missing.extend(batch.missing);
            all.doubtful.extend(batch.doubtful);
            Ok(all)
        };
        answers.try_fold(Presence::default(), merge).await
    }

    async fn digests_of_batch(&self, repository: &Repository, tags: &[&Tag]) -> Result<Presence, Error> {
        let ids = tags.iter().map(|tag| ImageIdentifier::builder().image_tag(tag.as_str()).build());
        let request = self
            .client
            .batch_get_image()
            .registry_id(&self.account)
            .repository_name(repository.as_str())
            .set_image_ids(Some(ids.collect()))
            .set_accepted_media_types(Some(MediaType::ACCEPT.split(", ").map(str::to_owned).collect()));
        let answer = self.call("BatchGetImage", repository).make(request.send()).await?;
        Ok(read(tags, &answer))
    }

    /// Asks which of these blobs the repository has.
    pub async fn available(
        &self,
        repository: &Repository,
        blobs: &[Digest],
    ) -> Result<HashSet<Digest>, Error> {
        let blobs: Vec<_> = blobs.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let answers = stream::iter(blobs.chunks(BATCH_MAX))
            .map(|batch| self.available_of_batch(repository, batch))
            .buffer_unordered(CONCURRENT_CALLS_MAX);
        let merge = async |mut all: HashSet<Digest>, batch: Vec<Digest>| {
            all.extend(batch);
            Ok(all)
        };
        answers.try_fold(HashSet::new(), merge).await
    }

    async fn available_of_batch(
        &self,
        repository: &Repository,
        blobs: &[Digest],
    ) -> Result<Vec<Digest>, Error> {
        let request = self
            .client
            .batch_check_layer_availability()
            .registry_id(&self.account)
            .repository_name(repository.as_str())
            .set_layer_digests(Some(blobs.iter().map(Digest::to_string).collect()));
        let answer = self.call("BatchCheckLayerAvailability", repository).make(request.send()).await?;
        // An archived layer cannot be part of a new image, and a failure is as good as an absence:
        // at worst a blob is sent that was there.
        let available =
            answer.layers().iter().filter(|l| l.layer_availability() == Some(&LayerAvailability::Available));
        let digests = available.filter_map(|layer| layer.layer_digest()?.parse().ok());
        Ok(digests.filter(|digest| blobs.contains(digest)).collect())
    }
}

/// What an answer says of one tag.
enum Verdict {
    Held(Digest),
    Missing,
    Unclear,
}

/// Sorts an answer; `asked` is sorted and without doubles.
///
/// ECR answers each tag once, by an image or a failure. Stand-ins answer with another tag of the same
/// image, or report a moved tag for the old image too, so one tag may hide under another's name.
/// Hence images are believed only if the whole answer fits the question.
fn read(asked: &[&Tag], answer: &BatchGetImageOutput) -> Presence {
    let failures = answer.failures().iter().map(|failure| (failure.image_id(), of_failure(failure)));
    let images = answer.images().iter().map(|image| (image.image_id(), of_image(image)));
    let mut count = 0;
    let mut verdicts = BTreeMap::new();
    // Images come last: of a tag that is said to be both there and not, `Missing` must not remain.
    for (id, verdict) in failures.chain(images) {
        count += 1;
        if let Some(tag) = id.and_then(ImageIdentifier::image_tag) {
            verdicts.insert(tag, verdict);
        }
    }
    let is_coherent = count == asked.len() && asked.iter().all(|tag| verdicts.contains_key(tag.as_str()));
    let mut presence = Presence::default();
    for &tag in asked {
        match verdicts.get(tag.as_str()) {
            Some(&Verdict::Held(digest)) if is_coherent => {
                presence.held.insert(tag.clone(), digest);
            }
            Some(Verdict::Missing) => {
                presence.missing.insert(tag.clone());
            }
            _ => {
                presence.doubtful.insert(tag.clone());
            }
        }
    }
    presence
}

fn of_image(image: &Image) -> Verdict {
    let digest = image.image_id().and_then(|id| id.image_digest()?.parse().ok());
    digest.map_or(Verdict::Unclear, Verdict::Held)
}

fn of_failure(failure: &ImageFailure) -> Verdict {
    match failure.failure_code() {
        Some(ImageFailureCode::ImageNotFound) => Verdict::Missing,
        _ => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::FakeAws;

    fn id(tag: &str) -> ImageIdentifier {
        ImageIdentifier::builder().image_tag(tag).build()
    }

    fn image(tag: &str, content: &str) -> Image {
        let digest = Digest::of(content.as_bytes()).to_string();
        let id = ImageIdentifier::builder().image_tag(tag).image_digest(digest).build();
        Image::builder().image_id(id).build()
    }

    fn failure(tag: &str, code: ImageFailureCode) -> ImageFailure {
        ImageFailure::builder().image_id(id(tag)).failure_code(code).build()
    }

    fn missing(tag: &str) -> ImageFailure {
        failure(tag, ImageFailureCode::ImageNotFound)
    }

    /// Sorts the answer to a question for `a`, `b` and `c`; expected are held, missing and doubtful tags.
    #[track_caller]
    fn check(images: &[Image], failures: &[ImageFailure], expected: [&str; 3]) {
        let tags = ["a", "b", "c"].map(|tag| tag.parse::<Tag>().unwrap());
        let answer = BatchGetImageOutput::builder()
            .set_images(Some(images.to_vec()))
            .set_failures(Some(failures.to_vec()))
            .build();
        let presence = read(&tags.each_ref(), &answer);
        let join = |tags: Vec<&Tag>| tags.into_iter().map(Tag::as_str).collect::<String>();
        let sorted = [
            join(presence.held.keys().collect()),
            join(presence.missing.iter().collect()),
            join(presence.doubtful.iter().collect()),
        ];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn an_answer_that_fits_the_question_is_believed() {
        check(&[image("a", "1"), image("b", "1")], &[missing("c")], ["ab", "c", ""]);
    }

    #[test]
    fn another_tag_of_the_same_image_makes_all_images_doubtful() {
        check(&[image("b", "1"), image("x", "2")], &[missing("c")], ["", "c", "ab"]);
        check(&[image("b", "1")], &[missing("c")], ["", "c", "ab"]);
    }

    #[test]
    fn a_tag_with_two_answers_makes_all_images_doubtful() {
        check(&[image("a", "1"), image("a", "2"), image("b", "2")], &[missing("c")], ["", "c", "ab"]);
        check(&[image("a", "1"), image("b", "2")], &[missing("b"), missing("c")], ["", "c", "ab"]);
    }

    #[test]
    fn other_failures_leave_only_their_own_tag_in_doubt() {
        let failures = [failure("b", ImageFailureCode::KmsError), missing("c")];
        check(&[image("a", "1")], &failures, ["a", "c", "b"]);
    }

    #[test]
    fn a_digest_that_is_none_is_doubtful() {
        let id = ImageIdentifier::builder().image_tag("a").image_digest("sha256:../x").build();
        let faulty = Image::builder().image_id(id).build();
        check(&[faulty, image("b", "1"), image("c", "1")], &[], ["bc", "", "a"]);
    }

    /// Answers the even ones of the asked tags and blobs, as ECR does.
    fn even(operation: &str, input: &Value) -> Value {
        let is_even = |(index, value): (usize, &Value)| (index % 2 == 0).then(|| value.clone());
        match operation {
            "BatchGetImage" => {
                let digest = Digest::of(b"image").to_string();
                let tags = input["imageIds"].as_array().unwrap().iter().map(|id| id["imageTag"].clone());
                let (even, odd): (Vec<_>, Vec<_>) =
                    tags.enumerate().partition(|(index, _)| index.is_multiple_of(2));
                let images: Vec<_> = even
                    .into_iter()
                    .map(|(_, tag)| json!({"imageId": {"imageTag": tag, "imageDigest": digest}}))
                    .collect();
                let failures: Vec<_> = odd
                    .into_iter()
                    .map(|(_, tag)| json!({"imageId": {"imageTag": tag}, "failureCode": "ImageNotFound"}))
                    .collect();
                json!({"images": images, "failures": failures})
            }
            "BatchCheckLayerAvailability" => {
                let digests = input["layerDigests"].as_array().unwrap().iter().enumerate();
                let layers: Vec<_> = digests
                    .filter_map(is_even)
                    .map(|digest| json!({"layerDigest": digest, "layerAvailability": "AVAILABLE"}))
                    .collect();
                json!({"layers": layers})
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn tags_are_asked_for_once_and_a_hundred_at_a_time() {
        let aws = FakeAws::start(|operation, input, _| (200, even(operation, input))).await;
        let tags: Vec<Tag> = (0..250).chain(0..250).map(|n| format!("1.{n}").parse().unwrap()).collect();
        let presence = aws.api().digests(&"java/jdk".parse().unwrap(), &tags).await.unwrap();
        assert_eq!((presence.held.len(), presence.missing.len(), presence.doubtful.len()), (125, 125, 0));
        let calls = aws.calls();
        assert_eq!(calls.len(), 3);
        let (_, input) = &calls[0];
        assert_eq!(
            (&input["registryId"], &input["repositoryName"]),
            (&json!("123456789012"), &json!("java/jdk"))
        );
        assert_eq!(input["acceptedMediaTypes"].as_array().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn blobs_are_asked_for_once_and_a_hundred_at_a_time() {
        let aws = FakeAws::start(|operation, input, _| (200, even(operation, input))).await;
        let blobs: Vec<_> = (0..250_u32).chain(0..250).map(|n| Digest::of(&n.to_be_bytes())).collect();
        let available = aws.api().available(&"java/jdk".parse().unwrap(), &blobs).await.unwrap();
        assert_eq!((available.len(), aws.calls().len()), (125, 3));
    }

    #[tokio::test]
    async fn nothing_to_ask_is_no_call() {
        let aws = FakeAws::start(|operation, input, _| (200, even(operation, input))).await;
        let repository = "java/jdk".parse().unwrap();
        assert_eq!(aws.api().digests(&repository, &[]).await.unwrap(), Presence::default());
        assert!(aws.api().available(&repository, &[]).await.unwrap().is_empty());
        assert!(aws.calls().is_empty());
    }

    #[tokio::test]
    async fn layers_that_are_not_available_or_not_asked_for_do_not_count() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let layer = |text, state| json!({"layerDigest": digest(text), "layerAvailability": state});
        let layers = [
            layer("a", "AVAILABLE"),
            layer("b", "UNAVAILABLE"),
            layer("c", "ARCHIVED"),
            layer("stranger", "AVAILABLE"),
        ];
        let answer = json!({"layers": layers, "failures": [{"failureCode": "InvalidLayerDigest"}]});
        let aws = FakeAws::start(move |_, _, _| (200, answer.clone())).await;
        let blobs = ["a", "b", "c", "d"].map(digest);
        let available = aws.api().available(&"java/jdk".parse().unwrap(), &blobs).await.unwrap();
        assert_eq!(available, HashSet::from([digest("a")]));
    }

    #[tokio::test]
    async fn a_missing_repository_can_be_told_apart() {
        let answer = json!({"__type": "RepositoryNotFoundException", "message": "no such repository"});
        let aws = FakeAws::start(move |_, _, _| (400, answer.clone())).await;
        let tags = ["21".parse().unwrap()];
        let error = aws.api().digests(&"java/jdk".parse().unwrap(), &tags).await.unwrap_err();
        assert!(error.is_repository_missing(), "{error}");
    }
}
