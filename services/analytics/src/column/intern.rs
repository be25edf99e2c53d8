//! Texts and lists by number, so that columns hold numbers.

use std::{collections::HashMap, sync::Arc};

/// The number that stands for no partner: above the top of a hierarchy, and for
/// direct revenue.
pub(crate) const NO_PARTNER: u32 = 0;

/// What gives numbers to the texts and lists that facts refer to.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// Ids of partners.
    pub(crate) partners: Texts,
    /// All other texts.
    pub(crate) texts: Texts,
    /// Lists of numbers.
    pub(crate) lists: Lists,
}

impl Interner {
    pub(crate) fn bytes(&self) -> usize {
        self.partners.bytes() + self.texts.bytes() + self.lists.bytes()
    }
}

/// Texts by number. 0 is the empty text.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Default for Texts {
    fn default() -> Self {
        let empty: Arc<str> = Arc::from("");
        Self { numbers: HashMap::from([(empty.clone(), 0)]), texts: vec![empty], bytes: 0 }
    }
}

impl Texts {
    /// The number of a text, a new one if it has none.
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.count();
        let shared: Arc<str> = Arc::from(text);
        self.bytes += text.len();
        self.texts.push(shared.clone());
        self.numbers.insert(shared, number);
        number
    }

    /// The number of a text that is known.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(crate) fn get(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |t| &**t)
    }

    /// Texts known.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn bytes(&self) -> usize {
        // Text with its counts, the pointer in the list, the map's entry.
        self.bytes + self.texts.len() * (16 + 16 + 32)
    }
}

/// Lists of numbers by number. 0 is the empty list.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    numbers: HashMap<Arc<[i64]>, u32>,
    lists: Vec<Arc<[i64]>>,
    bytes: usize,
}

impl Default for Lists {
    fn default() -> Self {
        let empty: Arc<[i64]> = Arc::from([]);
        Self { numbers: HashMap::from([(empty.clone(), 0)]), lists: vec![empty], bytes: 0 }
    }
}

impl Lists {
    /// The number of a list, a new one if it has none.
    pub(crate) fn intern(&mut self, list: &[i64]) -> u32 {
        if let Some(number) = self.numbers.get(list) {
            return *number;
        }
        let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let shared: Arc<[i64]> = Arc::from(list);
        // Numbers with the counts, the pointer in the list, the map's entry.
        self.bytes += list.len() * 8 + 80;
        self.lists.push(shared.clone());
        self.numbers.insert(shared, number);
        number
    }

    /// The list of a number.
    pub(crate) fn get(&self, number: u32) -> &[i64] {
        self.lists.get(number as usize).map_or(&[], |l| &**l)
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}
