//! The tags of a repository.

use http::Method;

use crate::oci::Tag;
use crate::registry::Repository;
use crate::registry::error::Error;
use crate::registry::lists::List;

/// ECR refuses larger pages (google/go-containerregistry#1091).
const TAGS: List = List { what: "tag list", member: "tags", page: 1000, max: 200_000, is_strict: false };

impl Repository {
    /// All tags, each once, in the order of the registry. Names that are no tags are left out.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        TAGS.read(&self.client, self.read(Method::GET, "tags/list")).await
    }
}
