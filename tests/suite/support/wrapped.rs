//! A memory store with something that happens beside what it is asked: a write by others, an interrupt, an answer that is not
//! there.

use bowline::cluster::{Capabilities, Memory, Query, Store, StoreError, Stored, Write};
use bowline::manifest::ObjectRef;

/// The store, and what happens.
pub struct Wrapped<'a> {
    inner: &'a Memory,
    before_get: Box<dyn Fn() + Send + Sync + 'a>,
    before_batch: Box<dyn Fn() + Send + Sync + 'a>,
    lists: Box<dyn Fn() -> bool + Send + Sync + 'a>,
    after_batch: Box<dyn Fn() + Send + Sync + 'a>,
}

impl<'a> Wrapped<'a> {
    /// Nothing happens yet.
    pub fn new(inner: &'a Memory) -> Self {
        Wrapped {
            inner,
            before_get: Box::new(|| ()),
            before_batch: Box::new(|| ()),
            lists: Box::new(|| true),
            after_batch: Box::new(|| ()),
        }
    }

    /// Does something before each look at one object.
    #[must_use]
    pub fn before_get(self, act: impl Fn() + Send + Sync + 'a) -> Self {
        Wrapped { before_get: Box::new(act), ..self }
    }

    /// Does something before each batch of writes.
    #[must_use]
    pub fn before_batch(self, act: impl Fn() + Send + Sync + 'a) -> Self {
        Wrapped { before_batch: Box::new(act), ..self }
    }

    /// Says for each list whether there is anything in it.
    #[must_use]
    pub fn lists(self, has: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        Wrapped { lists: Box::new(has), ..self }
    }

    /// Does something after each batch of writes.
    #[must_use]
    pub fn after_batch(self, act: impl Fn() + Send + Sync + 'a) -> Self {
        Wrapped { after_batch: Box::new(act), ..self }
    }
}

impl Store for Wrapped<'_> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn identity(&self) -> Result<Option<String>, StoreError> {
        self.inner.identity()
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        (self.before_get)();
        self.inner.get(id)
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        if (self.lists)() { self.inner.list(query) } else { Ok(Vec::new()) }
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        (self.before_batch)();
        let result = self.inner.batch(writes);
        (self.after_batch)();
        result
    }
}
