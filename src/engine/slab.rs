//! A table whose places are reused and whose keys are not.

use std::vec::Vec;

use super::id::Key;

/// Past this generation a place is retired, since the keys' upper bit belongs to the tokens of listeners.
const GENERATION_MAX: u32 = (1 << 31) - 1;

/// Values under keys that are never given twice.
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    /// Places that are empty and not retired.
    free: Vec<u32>,
    len: usize,
}

struct Place<T> {
    /// The generation of the value that is here, or that was here last.
    generation: u32,
    value: Option<T>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The key that the next [`insert`](Self::insert) will use; `None` when all places are taken: 2^29.
    pub(super) fn next_key(&self) -> Option<Key> {
        match self.free.last() {
            Some(&index) => {
                let generation = self.places.get(index as usize)?.generation + 1;
                Some(Key { generation, index })
            }
            None => Some(Key {
                generation: 1,
                index: u32::try_from(self.places.len())
                    .ok()
                    .filter(|index| *index < Key::INDEX_END)?,
            }),
        }
    }

    /// Puts `value` under `key`, which [`next_key`](Self::next_key) has just given.
    pub(super) fn insert(&mut self, key: Key, value: T) {
        let place = Place {
            generation: key.generation,
            value: Some(value),
        };
        match self.places.get_mut(key.index as usize) {
            Some(old) => {
                self.free.pop();
                *old = place;
            }
            None => self.places.push(place),
        }
        self.len += 1;
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self
            .places
            .get_mut(key.index as usize)
            .filter(|place| place.generation == key.generation)?;
        let value = place.value.take()?;
        if place.generation < GENERATION_MAX {
            self.free.push(key.index);
        }
        self.len -= 1;
        Some(value)
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        self.places
            .get(key.index as usize)
            .filter(|place| place.generation == key.generation)?
            .value
            .as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.places
            .get_mut(key.index as usize)
            .filter(|place| place.generation == key.generation)?
            .value
            .as_mut()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let occupied = self
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| place.value.is_some());
        // An index is below 2^29, as `next_key` sees to.
        occupied.map(|(index, place)| Key {
            generation: place.generation,
            index: index as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_names_what_came_later() {
        let mut slab = Slab::new();
        let mut old = Vec::new();
        for round in 0..10 {
            let key = slab.next_key().unwrap();
            slab.insert(key, round);
            assert_eq!(slab.get(key), Some(&round));
            for stale in &old {
                assert_eq!(slab.get(*stale), None);
                assert_eq!(slab.remove(*stale), None);
            }
            assert_eq!(slab.remove(key), Some(round));
            assert_eq!(slab.remove(key), None);
            old.push(key);
        }
        assert_eq!(slab.len(), 0);
        assert_eq!(slab.places.len(), 1);
    }

    #[test]
    fn a_place_is_retired_before_its_generations_repeat() {
        let mut slab = Slab::new();
        let first = slab.next_key().unwrap();
        slab.insert(first, 'a');
        slab.places[0].generation = GENERATION_MAX;
        let last = Key {
            generation: GENERATION_MAX,
            index: 0,
        };
        assert_eq!(slab.remove(last), Some('a'));
        assert_eq!(
            slab.next_key().unwrap(),
            Key {
                generation: 1,
                index: 1
            }
        );
    }

    #[test]
    fn keys_are_those_of_what_is_there() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..5)
            .map(|number| {
                let key = slab.next_key().unwrap();
                slab.insert(key, number);
                key
            })
            .collect();
        slab.remove(keys[1]);
        slab.remove(keys[4]);
        assert_eq!(slab.keys().collect::<Vec<_>>(), [keys[0], keys[2], keys[3]]);
        assert_eq!(slab.len(), 3);
    }
}
