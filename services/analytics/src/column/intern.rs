//! Interns texts and lists, so that columns hold only numbers.

use std::{collections::HashMap, sync::Arc};

/// The number for no partner: the parent at the top of a hierarchy, and the owner
/// of direct revenue.
pub(crate) const NO_PARTNER: u32 = 0;

/// Assigns numbers to the texts and lists that facts refer to.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    /// IDs of partners.
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
    /// Returns the number of a text. Assigns one if it has none.
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

    /// Returns the number of a text if it is known.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// Returns the text of a number.
    pub(crate) fn get(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |t| &**t)
    }

    /// Number of known texts.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.texts.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn bytes(&self) -> usize {
        // The text with its reference counts, its pointer in the list, its map entry.
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
    /// Returns the number of a list. Assigns one if it has none.
    pub(crate) fn intern(&mut self, list: &[i64]) -> u32 {
        if let Some(number) = self.numbers.get(list) {
            return *number;
        }
        let number = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        let shared: Arc<[i64]> = Arc::from(list);
        // The numbers with their reference counts, their pointer in the list, their map entry.
        self.bytes += list.len() * 8 + 80;
        self.lists.push(shared.clone());
        self.numbers.insert(shared, number);
        number
    }

    /// Returns the list of a number.
    pub(crate) fn get(&self, number: u32) -> &[i64] {
        self.lists.get(number as usize).map_or(&[], |l| &**l)
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}
