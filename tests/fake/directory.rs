//! A directory in the OCI image layout as other programs write it, and as none should.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tagferry::oci::Digest;

use super::images::Image;

/// The annotation that holds a tag, or a whole name.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation in which Docker and containerd keep the whole name.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// The directory. It is removed by whoever made it.
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Makes a layout without images.
    pub fn new(root: &Path) -> Self {
        let directory = Self { root: root.to_owned() };
        fs::create_dir_all(directory.blobs()).unwrap();
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        directory.write_index(&json!({"schemaVersion": 2, "manifests": []}));
        directory
    }

    /// A layout that somebody made.
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How it is named in a configuration.
    pub fn endpoint(&self) -> String {
        format!("oci:{}", self.root.display())
    }

    /// Adds an image, called by a tag or `NAME:TAG`.
    pub fn push(&self, name: &str, image: &Image) {
        self.list(image, &json!({REF_NAME: name}));
    }

    /// Adds an image with these annotations, null for none.
    pub fn list(&self, image: &Image, annotations: &Value) {
        self.add(image);
        let mut entry = image.descriptor();
        if !annotations.is_null() {
            entry["annotations"] = annotations.clone();
        }
        self.list_entry(entry);
    }

    /// Adds an entry to `index.json` as it is.
    pub fn list_entry(&self, entry: Value) {
        let mut index = self.index();
        index["manifests"].as_array_mut().unwrap().push(entry);
        self.write_index(&index);
    }

    /// Adds the manifests and blobs of an image, and lists none of them.
    pub fn add(&self, image: &Image) {
        for blob in image.blobs.iter().chain([&image.bytes]) {
            fs::write(self.blob(Digest::of(blob)), blob).unwrap();
        }
        image.children.iter().for_each(|child| self.add(child));
    }

    pub fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.root.join("index.json")).unwrap()).unwrap()
    }

    pub fn write_index(&self, index: &Value) {
        fs::write(self.root.join("index.json"), index.to_string()).unwrap();
    }

    /// The file of a manifest or blob.
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }
}
