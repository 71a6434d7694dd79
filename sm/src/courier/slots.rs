//! A table whose names are never reused, so that a late answer finds nothing.

use alloc::vec::Vec;

/// Values by name: a place in the table, and how often the place was given away before.
#[derive(Debug)]
pub(crate) struct Slots<V> {
    slots: Vec<(u32, Option<V>)>,
    free: Vec<u32>,
}

impl<V> Slots<V> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: V) -> u64 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            u32::try_from(self.slots.len() - 1).expect("calls are bounded")
        });
        let slot = &mut self.slots[at as usize];
        slot.1 = Some(value);
        name(slot.0, at)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut V> {
        let (generation, at) = parts(id);
        let slot = self.slots.get_mut(at)?;
        if slot.0 == generation { slot.1.as_mut() } else { None }
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<V> {
        self.get_mut(id)?;
        let (_, at) = parts(id);
        let slot = &mut self.slots[at];
        slot.0 = slot.0.wrapping_add(1);
        self.free.push(u32::try_from(at).expect("a slot's number"));
        slot.1.take()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        let slots = (0u32..).zip(&self.slots);
        slots.filter_map(|(at, slot)| Some((name(slot.0, at), slot.1.as_ref()?)))
    }
}

fn name(generation: u32, at: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(at)
}

fn parts(id: u64) -> (u32, usize) {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a name")]
    let parts = ((id >> 32) as u32, id as u32 as usize);
    parts
}
