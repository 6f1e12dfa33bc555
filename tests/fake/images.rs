//! Builds images: the kinds of graph that registries hold, from readable parts.

use bytes::Bytes;
use serde_json::{Value, json};
use tagferry::oci::{Digest, MediaType};

/// A manifest or index with all that it refers to.
#[derive(Clone, Debug)]
pub struct Image {
    pub media_type: String,
    pub bytes: Bytes,
    /// Config and layers that registries hold; foreign layers are not among them.
    pub blobs: Vec<Bytes>,
    pub children: Vec<Image>,
}

impl Image {
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The same with other members. Its parts stay as they are.
    #[must_use]
    pub fn edited(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut document = serde_json::from_slice(&self.bytes).unwrap();
        edit(&mut document);
        self.bytes = document.to_string().into();
        self
    }

    /// A descriptor of this manifest.
    pub fn descriptor(&self) -> Value {
        descriptor(&self.media_type, &self.bytes)
    }
}

/// Whose media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Docker,
    Oci,
}

impl Format {
    fn manifest(self) -> &'static str {
        match self {
            Self::Docker => MediaType::DOCKER_MANIFEST,
            Self::Oci => MediaType::OCI_MANIFEST,
        }
    }

    fn index(self) -> &'static str {
        match self {
            Self::Docker => MediaType::DOCKER_LIST,
            Self::Oci => MediaType::OCI_INDEX,
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.container.image.v1+json",
            Self::Oci => "application/vnd.oci.image.config.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }

    fn foreign(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            Self::Oci => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        }
    }
}

/// A Docker schema 2 image with these layers. They may repeat and be empty.
pub fn image(layers: &[&str]) -> Image {
    layers.iter().fold(Draft::new(Format::Docker), |draft, layer| draft.layer(layer.to_string())).build()
}

/// An OCI image with these layers.
pub fn oci_image(layers: &[&str]) -> Image {
    layers.iter().fold(Draft::new(Format::Oci), |draft, layer| draft.layer(layer.to_string())).build()
}

/// An OCI image with layers of these sizes, its bytes made from the seed.
pub fn random_image(seed: u64, layer_bytes: &[usize]) -> Image {
    let layers = layer_bytes.iter().zip(seed..);
    layers
        .fold(Draft::new(Format::Oci), |draft, (&size, seed)| draft.layer(random_bytes(seed, size)))
        .config(format!(r#"{{"architecture":"amd64","os":"linux","seed":{seed}}}"#))
        .build()
}

/// An index whose children have these platforms; an empty platform leaves the member out.
pub fn index(format: Format, children: &[(&str, Image)]) -> Image {
    let describe = |(platform, child): &(&str, Image)| {
        let mut descriptor = child.descriptor();
        let parts: Vec<&str> = platform.split('/').collect();
        if let [os, architecture, variant @ ..] = &parts[..] {
            descriptor["platform"] = json!({"os": os, "architecture": architecture});
            if let [variant] = variant {
                descriptor["platform"]["variant"] = json!(variant);
            }
        }
        descriptor
    };
    let document = json!({
        "schemaVersion": 2,
        "mediaType": format.index(),
        "manifests": children.iter().map(describe).collect::<Vec<_>>(),
    });
    Image {
        media_type: format.index().to_owned(),
        bytes: document.to_string().into(),
        blobs: Vec::new(),
        children: children.iter().map(|(_, child)| child.clone()).collect(),
    }
}

/// An index of blobs, each with what its descriptor says beside digest and size.
pub fn index_of(format: Format, blobs: &[(Value, Bytes)]) -> Image {
    let describe = |(more, blob): &(Value, Bytes)| {
        let mut descriptor = descriptor("", blob);
        descriptor.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        descriptor
    };
    let manifests: Vec<_> = blobs.iter().map(describe).collect();
    let document = json!({"schemaVersion": 2, "mediaType": format.index(), "manifests": manifests});
    Image {
        media_type: format.index().to_owned(),
        bytes: document.to_string().into(),
        blobs: blobs.iter().map(|(_, blob)| blob.clone()).collect(),
        children: Vec::new(),
    }
}

/// An OCI index of one image for each platform, with the attestation that build tools add for each.
pub fn attested_index(platforms: &[&str]) -> Image {
    let mut children = Vec::new();
    for platform in platforms {
        let image = oci_image(&[&format!("base of {platform}"), platform]);
        let statement = format!(r#"{{"subject":"{}"}}"#, image.digest());
        let attestation =
            Draft::new(Format::Oci).typed_layer("application/vnd.in-toto+json", statement).build();
        children.push((*platform, image));
        children.push(("unknown/unknown", attestation));
    }
    index(Format::Oci, &children)
}

/// An artifact: the empty config `{}` and one payload, about `subject` where there is one.
pub fn artifact(artifact_type: &str, payload: &str, subject: Option<&Image>) -> Image {
    let draft = Draft::new(Format::Oci)
        .config_type("application/vnd.oci.empty.v1+json")
        .config("{}")
        .typed_layer(artifact_type, payload.to_owned())
        .member("artifactType", json!(artifact_type));
    match subject {
        Some(subject) => draft.member("subject", subject.descriptor()).build(),
        None => draft.build(),
    }
}

/// Bytes that do not compress, the same for the same seed (splitmix64).
pub fn random_bytes(seed: u64, len: usize) -> Bytes {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// An image in the making.
#[derive(Clone, Debug)]
pub struct Draft {
    format: Format,
    config_type: String,
    config: Bytes,
    layers: Vec<Value>,
    blobs: Vec<Bytes>,
    members: Vec<(String, Value)>,
}

impl Draft {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            config_type: format.config().to_owned(),
            config: Bytes::from_static(br#"{"architecture":"amd64","os":"linux"}"#),
            layers: Vec::new(),
            blobs: Vec::new(),
            members: Vec::new(),
        }
    }

    pub fn config(mut self, config: impl Into<Bytes>) -> Self {
        self.config = config.into();
        self
    }

    pub fn config_type(mut self, media_type: &str) -> Self {
        media_type.clone_into(&mut self.config_type);
        self
    }

    /// Adds a layer of the format's own type.
    pub fn layer(self, bytes: impl Into<Bytes>) -> Self {
        let media_type = self.format.layer();
        self.typed_layer(media_type, bytes)
    }

    /// Adds a layer of any type.
    pub fn typed_layer(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        self.layers.push(descriptor(media_type, &bytes));
        self.blobs.push(bytes);
        self
    }

    /// Adds a layer that is to be fetched from an address of its own and that no registry holds.
    pub fn foreign_layer(mut self, url: &str, bytes: &[u8]) -> Self {
        let mut layer = descriptor(self.format.foreign(), bytes);
        layer["urls"] = json!([url]);
        self.layers.push(layer);
        self
    }

    /// Adds a member to the manifest, such as `annotations`.
    pub fn member(mut self, key: &str, value: Value) -> Self {
        self.members.push((key.to_owned(), value));
        self
    }

    pub fn build(self) -> Image {
        let media_type = self.format.manifest();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(&self.config_type, &self.config),
            "layers": self.layers,
        });
        for (key, value) in self.members {
            document[key] = value;
        }
        let blobs = std::iter::once(self.config).chain(self.blobs).collect();
        Image {
            media_type: media_type.to_owned(),
            bytes: document.to_string().into(),
            blobs,
            children: Vec::new(),
        }
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}
