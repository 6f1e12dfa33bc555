//! The files of other tools, one module a format.

pub(in crate::import) mod dregsy;
pub(in crate::import) mod image_syncer;
pub(in crate::import) mod list;
pub(in crate::import) mod ocync;
pub(in crate::import) mod regsync;
pub(in crate::import) mod skopeo;
