//! Where scenarios play: two registries, two tags, and the requests that can be struck.

use std::collections::BTreeMap;

use tagferry::oci::Digest;

use crate::fake::{
    Ecr, Face, Format, Image, Match, Mutability, Registry, Server, Settings, image, index, random_bytes,
    random_image,
};
use crate::world::Side;

/// The layer of the struck tag: large enough to arrive in many pieces.
pub(crate) const LAYER_BYTES: usize = 600_000;
/// The tag that faults strike: an index of one image with one large layer.
pub(super) const STRUCK: &str = "2.0";
/// The tag that they leave alone: an image.
pub(super) const OTHER: &str = "1.0";

/// What stands on the two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Two open registries.
    Plain,
    /// The source gives blobs by presigned addresses of another origin.
    Elsewhere,
    /// The source is Oracle Container Registry.
    Oracle,
    /// The target is ECR, where missing repositories are made.
    Ecr,
    /// The target is an ECR repository that must exist.
    FixedEcr,
    /// The target is an ECR repository whose tags are immutable.
    ImmutableEcr,
}

/// The requests of the struck tag, and those that are about all tags.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    // At the source.
    List,
    TagHead,
    TagGet,
    IndexGet,
    ChildGet,
    LayerGet,
    /// The token realm.
    Realm,
    /// The layer at the other origin.
    StorageGet,
    // At the target.
    /// `HEAD` of the tag: before a copy at a plain registry, and after it everywhere.
    Look,
    LookGet,
    LayerHead,
    /// Of any blob: the request does not say of which.
    UploadStart,
    LayerPut,
    ChildPut,
    TagPut,
    /// An operation of the AWS API.
    Api(&'static str),
}

/// Two registries and two tags between them.
pub(crate) struct World {
    pub(crate) source: Registry,
    pub(crate) target: Target,
    /// The only image of the struck index.
    pub(crate) child: Image,
    /// That image's layer.
    pub(crate) layer: Digest,
}

pub(crate) enum Target {
    Plain(Registry),
    Ecr(Ecr),
}

impl World {
    pub(super) async fn start(way: Way, layer_bytes: usize) -> Self {
        let source = match way {
            Way::Oracle => Registry::start(Face::Oracle).await,
            Way::Elsewhere => Registry::builder(Face::Open).blobs_elsewhere().start().await,
            _ => Registry::start(Face::Open).await,
        };
        let child = random_image(7, &[layer_bytes]);
        source.push("app", OTHER, &image(&["other"]));
        source.push("app", STRUCK, &index(Format::Oci, &[("linux/amd64", child.clone())]));
        let target = match way {
            Way::Plain | Way::Elsewhere | Way::Oracle => Target::Plain(Registry::start(Face::Open).await),
            Way::Ecr | Way::FixedEcr | Way::ImmutableEcr => Target::Ecr(Ecr::start().await),
        };
        let world = Self { source, target, child, layer: Digest::of(&random_bytes(7, layer_bytes)) };
        match way {
            Way::FixedEcr => world.ecr().create("app", Settings::default()),
            Way::ImmutableEcr => world.ecr().create("app", Settings::mutability(Mutability::Immutable, &[])),
            _ => {}
        }
        world
    }

    /// Puts something else under the struck tag of the source.
    pub(crate) fn instead(&self, image: &Image) {
        self.source.push("app", STRUCK, image);
    }

    /// Somebody else sets the struck tag of the target.
    pub(crate) fn overtake(&self) {
        self.ecr().push("app", STRUCK, &image(&["theirs"]));
    }

    /// The target loses what it was given already.
    pub(crate) fn lose_child(&self) {
        self.ecr().edit("app", |app| app.manifests.remove(&self.child.digest()));
    }

    /// The same of the layer.
    pub(crate) fn lose_layer(&self) {
        self.ecr().edit("app", |app| app.blobs.remove(&self.layer));
    }

    /// As an interrupted copy leaves it, from which something was cleaned away since.
    pub(crate) fn half_copied(&self) {
        self.ecr().edit("app", |app| app.add(&self.child));
        self.lose_layer();
    }

    pub(crate) fn ecr(&self) -> &Ecr {
        match &self.target {
            Target::Ecr(ecr) => ecr,
            Target::Plain(_) => panic!("the target is no ECR"),
        }
    }

    pub(super) fn side(&self, way: Way) -> Side {
        match &self.target {
            Target::Plain(registry) => registry.into(),
            Target::Ecr(ecr) if way == Way::FixedEcr => Side::ecr(ecr, "create_repositories: false"),
            Target::Ecr(ecr) => ecr.into(),
        }
    }
}

impl Target {
    pub(super) fn server(&self) -> &Server {
        match self {
            Self::Plain(registry) => registry,
            Self::Ecr(ecr) => ecr,
        }
    }

    pub(super) fn tags(&self) -> BTreeMap<String, Digest> {
        match self {
            Self::Plain(registry) => registry.tags("app"),
            Self::Ecr(ecr) => ecr.tags("app"),
        }
    }
}

impl What {
    /// The server that is asked, and what the requests look like there.
    pub(super) fn at(self, world: &World) -> (&Server, Match) {
        let (source, target): (&Server, &Server) = (&world.source, world.target.server());
        let of_tag = format!("manifests/{STRUCK}");
        let of_index = || world.source.tags("app")[STRUCK].to_string();
        let of_child = || world.child.digest().to_string();
        match self {
            Self::List => (source, Match::tags()),
            Self::TagHead => (source, Match::manifest_head().containing(of_tag)),
            Self::TagGet => (source, Match::manifest_get().containing(of_tag)),
            Self::IndexGet => (source, Match::manifest_get().containing(of_index())),
            Self::ChildGet => (source, Match::manifest_get().containing(of_child())),
            Self::LayerGet => (source, Match::blob_get().containing(world.layer.hex())),
            Self::Realm => (source, Match::token()),
            Self::StorageGet => (world.source.storage(), Match::token().containing(world.layer.hex())),
            Self::Look => (target, Match::manifest_head().containing(of_tag)),
            Self::LookGet => (target, Match::manifest_get().containing(of_tag)),
            Self::LayerHead => (target, Match::blob_head().containing(world.layer.hex())),
            Self::UploadStart => (target, Match::upload_start()),
            Self::LayerPut => (target, Match::upload_put().containing(world.layer.hex())),
            Self::ChildPut => (target, Match::manifest_put().containing(of_child())),
            Self::TagPut => (target, Match::manifest_put().containing(of_tag)),
            Self::Api(operation) => (target, Match::api(operation)),
        }
    }
}
