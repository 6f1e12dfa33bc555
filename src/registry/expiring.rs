//! A value that ages.
use crate::registry::Freshness;
use std::future::Future;
use tokio::time::Instant;
#[derive(Debug)]
pub struct Expiring<T>(tokio::sync::Mutex<Option<Fresh<T>>>);
#[derive(Debug, Clone)]
pub struct Fresh<T> {
    pub value: T,
    pub refresh_at: Instant,
    pub expires_at: Instant,
}
impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self(tokio::sync::Mutex::new(None))
    }
}
impl<T: Clone> Expiring<T> {
    pub async fn get<F, E>(&self, freshness: Freshness, fetch: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<Fresh<T>, E>>,
    {
        let mut g = self.0.lock().await;
        if freshness == Freshness::Cached
            && let Some(f) = &*g
            && f.refresh_at > Instant::now()
        {
            return Ok(f.value.clone());
        }
        let f = fetch().await?;
        let v = f.value.clone();
        *g = Some(f);
        Ok(v)
    }
}
