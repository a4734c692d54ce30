//! What the rules need to know of a Rust file: its functions, its items, its first sentence.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::files::File;

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line of `fn`.
    pub(crate) line: usize,
    /// The line of the closing brace.
    pub(crate) last_line: usize,
    pub(crate) is_test: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ItemKind {
    Constant,
    Type,
}

/// A constant or a type of a module. Those of tests, functions and `impl` blocks are left out:
/// they cannot be mistaken for another.
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) name: String,
    pub(crate) line: usize,
}

fn parse(file: &File) -> syn::File {
    syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// Every function of a file, methods and nested functions included.
pub(crate) fn functions(file: &File) -> Vec<Function> {
    let mut collector = FunctionCollector(Vec::new());
    collector.visit_file(&parse(file));
    collector.0
}

struct FunctionCollector(Vec<Function>);

impl FunctionCollector {
    fn add(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        body: &syn::Block,
    ) {
        self.0.push(Function {
            name: signature.ident.to_string(),
            line: signature.span().start().line,
            last_line: body.span().end().line,
            is_test: attributes.iter().any(|attribute| attribute.path().is_ident("test")),
        });
    }
}

impl<'ast> Visit<'ast> for FunctionCollector {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.attrs, &function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.attrs, &function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(&function.attrs, &function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

/// The constants and types of a file's modules, without those that only tests have.
pub(crate) fn items(file: &File) -> Vec<Item> {
    let mut items = Vec::new();
    collect_items(&parse(file).items, &mut items);
    items
}

fn collect_items(from: &[syn::Item], items: &mut Vec<Item>) {
    for item in from {
        let (kind, ident, attributes) = match item {
            syn::Item::Const(item) => (ItemKind::Constant, &item.ident, &item.attrs),
            syn::Item::Static(item) => (ItemKind::Constant, &item.ident, &item.attrs),
            syn::Item::Struct(item) => (ItemKind::Type, &item.ident, &item.attrs),
            syn::Item::Enum(item) => (ItemKind::Type, &item.ident, &item.attrs),
            syn::Item::Union(item) => (ItemKind::Type, &item.ident, &item.attrs),
            syn::Item::Trait(item) => (ItemKind::Type, &item.ident, &item.attrs),
            syn::Item::Type(item) => (ItemKind::Type, &item.ident, &item.attrs),
            syn::Item::Mod(item) => {
                if let Some((_, inner)) = &item.content
                    && !is_for_tests(&item.attrs)
                {
                    collect_items(inner, items);
                }
                continue;
            }
            _ => continue,
        };
        // `const _: () = assert!(...)` names nothing.
        if ident != "_" && !is_for_tests(attributes) {
            items.push(Item { kind, name: ident.to_string(), line: ident.span().start().line });
        }
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Whether a file's first paragraph is a `//!` comment that ends like a sentence.
pub(crate) fn begins_with_a_sentence(text: &str) -> bool {
    let paragraph: Vec<_> = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    paragraph.last().is_some_and(|last| last.ends_with(['.', ':', '!']))
}
