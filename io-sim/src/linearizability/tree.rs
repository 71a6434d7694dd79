//! Sequences that share their beginnings, so that each is one number.

use super::table::Interner;

/// Where a node stands.
#[derive(Clone, Copy)]
struct Shape {
    /// The length of its sequence.
    len: usize,
    parent: usize,
    /// Some node on the way to the root, so chosen that any other is a logarithmic number of jumps
    /// and parents away (Myers 1983).
    jump: usize,
}

/// Sequences of `T` as nodes of a tree; equal sequences are the same node.
pub(super) struct Tree<T> {
    /// Each node but the root: its parent and its last element. Node `n` is number `n - 1`.
    nodes: Interner<(usize, T)>,
    shapes: Vec<Shape>,
}

impl<T: Copy + Eq + std::hash::Hash> Tree<T> {
    /// The empty sequence.
    pub(super) const ROOT: usize = 0;

    pub(super) fn new() -> Self {
        Self { nodes: Interner::new(), shapes: vec![Shape { len: 0, parent: 0, jump: 0 }] }
    }

    /// The sequence of `node` and then `items`.
    pub(super) fn extend(&mut self, node: usize, items: impl IntoIterator<Item = T>) -> usize {
        items.into_iter().fold(node, |node, item| {
            let (number, new) = self.nodes.number((node, item));
            if new {
                self.grow(node);
            }
            number + 1
        })
    }

    /// The length of the sequence of `node`.
    pub(super) fn len(&self, node: usize) -> usize {
        self.shapes[node].len
    }

    /// Does the sequence of `node` begin with that of `prefix`?
    pub(super) fn is_prefix(&self, prefix: usize, node: usize) -> bool {
        let len = self.len(prefix);
        let mut node = node;
        while self.len(node) > len {
            let Shape { parent, jump, .. } = self.shapes[node];
            node = if self.len(jump) < len { parent } else { jump };
        }
        node == prefix
    }

    /// What it takes in memory.
    pub(super) const fn bytes(&self) -> usize {
        self.shapes.len() * (size_of::<Shape>() + size_of::<(usize, T)>() + 18)
    }

    fn grow(&mut self, parent: usize) {
        let above = self.shapes[parent];
        let over = self.shapes[above.jump];
        let equal = above.len - over.len == over.len - self.len(over.jump);
        let jump = if equal && above.len > 0 { over.jump } else { parent };
        self.shapes.push(Shape { len: above.len + 1, parent, jump });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sequences_are_the_same_node() {
        let mut tree = Tree::new();
        let whole = tree.extend(Tree::<u8>::ROOT, *b"abcd");
        let half = tree.extend(Tree::<u8>::ROOT, *b"ab");
        assert_eq!(tree.extend(half, *b"cd"), whole);
        assert_ne!(tree.extend(half, *b"dc"), whole);
        assert_eq!((tree.len(Tree::<u8>::ROOT), tree.len(half), tree.len(whole)), (0, 2, 4));
    }

    #[test]
    fn a_prefix_is_a_node_on_the_way_to_the_root() {
        let mut tree = Tree::new();
        let (mut nodes, mut others) = (vec![Tree::<u32>::ROOT], vec![Tree::<u32>::ROOT]);
        for item in 0..100 {
            nodes.push(tree.extend(nodes[nodes.len() - 1], [item]));
            others.push(tree.extend(nodes[nodes.len() / 2], [1000 + item]));
        }
        for (short, &prefix) in nodes.iter().enumerate() {
            for (long, &node) in nodes.iter().enumerate() {
                assert_eq!(tree.is_prefix(prefix, node), short <= long);
                assert_eq!(
                    tree.is_prefix(prefix, others[long]),
                    short <= tree.len(others[long]) - usize::from(long > 0)
                );
            }
        }
    }
}
