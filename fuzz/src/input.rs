//! An input read as choices.

/// Bytes that are read from front to back, and zeros behind their end: any bytes are an input, and a
/// changed byte changes one choice.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Is nothing left?
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// A choice of so many.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    /// Heads or tails.
    pub fn coin(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// A number of any size; mostly a small one.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..0xF0 => small.into(),
            long @ 0xF0..0xF8 => (0xF0..=long).fold(0, |sum, _| sum << 8 | u64::from(self.byte())),
            huge => u64::MAX - u64::from(0xFF - huge),
        }
    }

    /// A number next to one of these; sometimes any.
    pub fn near(&mut self, anchors: &[u64]) -> u64 {
        if anchors.is_empty() {
            return self.number();
        }
        match self.byte() {
            near @ 0..0xE0 => {
                let anchor = anchors[usize::from(near / 8) % anchors.len()];
                anchor.saturating_add(u64::from(near % 8)).saturating_sub(3)
            }
            _ => self.number(),
        }
    }

    /// Some bytes, fewer than 256.
    pub fn bytes(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte()).min(self.rest.len());
        let (some, rest) = self.rest.split_at(count);
        self.rest = rest;
        some
    }
}
