//! Doubly linked lists of values that are stored in a [`Slab`]. Adding, removing and
//! counting take constant time.
//!
//! A value can be in several lists at once, one for each marker type `L` for which it has
//! links.
//!
//! Must not: own values. A value must be removed from its lists before it is removed from
//! the slab.

use std::marker::PhantomData;

use super::slab::{Id, Slab};

/// A value's neighbours in one list.
pub(crate) struct Links<T> {
    prev: Option<Id<T>>,
    next: Option<Id<T>>,
}

impl<T> Links<T> {
    /// The links of a value that is in no list.
    pub(crate) const fn new() -> Links<T> {
        Links { prev: None, next: None }
    }

    /// Whether these are the links of a value in no list, or of a list's only value.
    pub(crate) fn is_new(&self) -> bool {
        self.prev.is_none() && self.next.is_none()
    }
}

/// A value with links for the marker `L`.
pub(crate) trait Linked<L>: Sized {
    /// The links.
    fn links(&self) -> &Links<Self>;
    /// The links, mutable.
    fn links_mut(&mut self) -> &mut Links<Self>;
}

/// Implements [`Linked`] for a type and a marker: `linked!(Type, Marker, field)`.
macro_rules! linked {
    ($type:ty, $kind:ty, $field:ident) => {
        impl $crate::list::Linked<$kind> for $type {
            fn links(&self) -> &$crate::list::Links<$type> {
                &self.$field
            }
            fn links_mut(&mut self) -> &mut $crate::list::Links<$type> {
                &mut self.$field
            }
        }
    };
}
pub(crate) use linked;

/// A list of values of type `T`, linked by their links for the marker `L`.
pub(crate) struct List<T, L> {
    head: Option<Id<T>>,
    tail: Option<Id<T>>,
    len: u32,
    kind: PhantomData<fn() -> L>,
}

impl<T: Linked<L>, L> List<T, L> {
    /// An empty list.
    pub(crate) const fn new() -> List<T, L> {
        List { head: None, tail: None, len: 0, kind: PhantomData }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Whether the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first value.
    pub(crate) fn front(&self) -> Option<Id<T>> {
        self.head
    }

    /// The value after this one.
    pub(crate) fn after(&self, slab: &Slab<T>, id: Id<T>) -> Option<Id<T>> {
        slab[id].links().next
    }

    fn assert_unlinked(&self, slab: &Slab<T>, id: Id<T>) {
        // The links of a list's only value are those of a value in no list.
        let is_unlinked = slab[id].links().is_new() && self.head != Some(id);
        assert!(is_unlinked, "a value was added to a list while it is in one");
    }

    /// Adds a value at the end. It must be in no list of this marker.
    pub(crate) fn push_back(&mut self, slab: &mut Slab<T>, id: Id<T>) {
        self.assert_unlinked(slab, id);
        *slab[id].links_mut() = Links { prev: self.tail, next: None };
        match self.tail {
            Some(tail) => slab[tail].links_mut().next = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
        self.len += 1;
    }

    /// Adds a value at the front. It must be in no list of this marker.
    pub(crate) fn push_front(&mut self, slab: &mut Slab<T>, id: Id<T>) {
        self.assert_unlinked(slab, id);
        *slab[id].links_mut() = Links { prev: None, next: self.head };
        match self.head {
            Some(head) => slab[head].links_mut().prev = Some(id),
            None => self.tail = Some(id),
        }
        self.head = Some(id);
        self.len += 1;
    }

    /// Removes a value, which must be in this list.
    pub(crate) fn remove(&mut self, slab: &mut Slab<T>, id: Id<T>) {
        let Links { prev, next } = std::mem::replace(slab[id].links_mut(), Links::new());
        let before = match prev {
            Some(prev) => &mut slab[prev].links_mut().next,
            None => &mut self.head,
        };
        let found = std::mem::replace(before, next);
        assert!(found == Some(id), "a value was removed from a list that it is not in");
        let behind = match next {
            Some(next) => &mut slab[next].links_mut().prev,
            None => &mut self.tail,
        };
        let found = std::mem::replace(behind, prev);
        assert!(found == Some(id), "a value was removed from a list that it is not in");
        self.len = self.len.checked_sub(1).expect("a value was removed from an empty list");
    }

    /// The values from first to last.
    pub(crate) fn iter<'a>(
        &self,
        slab: &'a Slab<T>,
    ) -> impl Iterator<Item = Id<T>> + use<'a, T, L> {
        std::iter::successors(self.head, |&id| slab[id].links().next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Kind;
    struct Node {
        value: u8,
        links: Links<Node>,
    }
    linked!(Node, Kind, links);

    fn values(list: &List<Node, Kind>, slab: &Slab<Node>) -> Vec<u8> {
        list.iter(slab).map(|id| slab[id].value).collect()
    }

    #[test]
    fn a_value_can_be_removed_from_either_end_and_from_the_middle() {
        let mut slab = Slab::new();
        let mut list = List::<Node, Kind>::new();
        let ids: Vec<_> =
            (0..5).map(|n| slab.insert(Node { value: n, links: Links::new() })).collect();
        ids[1..].iter().for_each(|&id| list.push_back(&mut slab, id));
        list.push_front(&mut slab, ids[0]);
        assert_eq!(values(&list, &slab), [0, 1, 2, 3, 4]);
        for (leaves, left) in
            [(2, &[0, 1, 3, 4][..]), (0, &[1, 3, 4]), (4, &[1, 3]), (3, &[1]), (1, &[])]
        {
            list.remove(&mut slab, ids[leaves]);
            assert_eq!(values(&list, &slab), left);
            assert_eq!(list.len() as usize, left.len());
        }
        assert!(list.is_empty());
    }

    /// A list of `count` values, and the ids of these and of one value that is in no list.
    fn list_of(count: u8) -> (Slab<Node>, List<Node, Kind>, Vec<Id<Node>>) {
        let (mut slab, mut list) = (Slab::new(), List::new());
        let ids: Vec<_> =
            (0..=count).map(|n| slab.insert(Node { value: n, links: Links::new() })).collect();
        ids[..count.into()].iter().for_each(|&id| list.push_back(&mut slab, id));
        (slab, list, ids)
    }

    #[test]
    #[should_panic = "a value was added to a list while it is in one"]
    fn adding_the_only_value_of_a_list_again_panics() {
        let (mut slab, mut list, ids) = list_of(1);
        list.push_back(&mut slab, ids[0]);
    }

    #[test]
    #[should_panic = "a value was added to a list while it is in one"]
    fn adding_a_value_of_a_list_again_panics() {
        let (mut slab, mut list, ids) = list_of(3);
        list.push_front(&mut slab, ids[2]);
    }

    #[test]
    #[should_panic = "a value was removed from a list that it is not in"]
    fn removing_a_value_from_a_list_that_it_is_not_in_panics() {
        let (mut slab, mut list, ids) = list_of(3);
        list.remove(&mut slab, ids[3]);
    }
}
