//! Type conditions of fragments, said in a way that the library heeds.

use async_graphql::Positioned;
use async_graphql::parser::types::{ExecutableDocument, InlineFragment, Selection, SelectionSet};

/// Puts what a fragment selects into an inline fragment of the same type, which selects the same.
///
/// The library adds up what fields cost by the types around them, and takes the type of an inline fragment for that of its
/// fields, but not the type of a fragment that is spread. So a page in a fragment that is spread into an interface, as
/// `node` and the items of a stream are, would cost as much as a single field.
pub(in crate::transport) fn repeat_conditions(document: &mut ExecutableDocument) {
    for Positioned { pos, node: fragment } in document.fragments.values_mut() {
        let selection_set = std::mem::take(&mut fragment.selection_set);
        let inline = InlineFragment {
            type_condition: Some(fragment.type_condition.clone()),
            directives: Vec::new(),
            selection_set,
        };
        let selection = Selection::InlineFragment(Positioned::new(inline, *pos));
        let set = SelectionSet { items: vec![Positioned::new(selection, *pos)] };
        fragment.selection_set = Positioned::new(set, *pos);
    }
}
