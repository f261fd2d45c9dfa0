//! Which file of a crate takes which names from which other, read from its `use` declarations and paths. Code of
//! tests and the inside of macro calls do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use syn::{Attribute, File, Item, ItemMod, ItemUse, UseTree, visit::Visit};

use crate::workspace::{Package, folder};

/// The way to a module from the root of its crate.
type ModulePath = Vec<String>;

/// Which names each file takes from which others.
pub(crate) type Needs = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Names that lead elsewhere are followed so often; a longer way is a circle of names.
const HOPS_MAX: usize = 8;

/// The modules of a crate.
pub(crate) struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

struct Module {
    /// Relative to the workspace.
    file: String,
    defined: BTreeSet<String>,
    /// What a name stands for that is taken from elsewhere.
    imported: BTreeMap<String, ModulePath>,
    /// Modules whose names are all taken.
    globs: Vec<ModulePath>,
    /// Paths of the code, from the root of the crate where that is said, else as they stand.
    paths: Vec<ModulePath>,
}

impl Crate {
    /// Reads the files below `src`, beginning at the root of the library, or of the program where the package has no library.
    pub(crate) fn read(package: &Package, workspace: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let source = folder(package).join("src");
        let roots = ["lib.rs", "main.rs"].map(|root| source.join(root));
        if let Some(root) = roots.into_iter().find(|root| root.is_file()) {
            read_module(&root, &source, &Vec::new(), workspace, &mut modules);
        }
        Self { modules }
    }

    /// What each file needs of the others.
    pub(crate) fn needs(&self) -> Needs {
        let mut needs = Needs::new();
        for (path, module) in &self.modules {
            let of_module = needs.entry(module.file.clone()).or_default();
            let imported = module.imported.values().chain(&module.globs);
            let inline = module.paths.iter().filter_map(|inline| self.absolute(path, inline));
            for target in imported.cloned().chain(inline) {
                if let Some((file, name)) = self.definition(&target, HOPS_MAX)
                    && file != module.file
                    && !is_above(&file, &module.file)
                {
                    of_module.entry(file).or_default().insert(name);
                }
            }
        }
        needs
    }

    /// A path as it stands in a module, from the root of the crate; `None` where it leads out of the crate.
    fn absolute(&self, module: &ModulePath, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        if first == "crate" {
            return Some(rest.to_vec());
        }
        let child = joined(module, std::slice::from_ref(first));
        if self.modules.contains_key(&child) {
            return Some(joined(&child, rest));
        }
        let imported = self.modules.get(module)?.imported.get(first)?;
        Some(joined(imported, rest))
    }

    /// The file in which a name is defined, and the name; `None` for a module as such, and for what is not ours.
    fn definition(&self, path: &[String], hops: usize) -> Option<(String, String)> {
        let depth = (0..=path.len()).rev().find(|depth| self.modules.contains_key(&path[..*depth]))?;
        let module = &self.modules[&path[..depth]];
        let name = path.get(depth)?;
        if module.defined.contains(name) || hops == 0 {
            return Some((module.file.clone(), name.clone()));
        }
        if let Some(target) = module.imported.get(name) {
            return self.definition(&joined(target, &path[depth + 1..]), hops - 1);
        }
        let through = |glob: &ModulePath| self.definition(&joined(glob, &path[depth..]), hops - 1);
        module.globs.iter().find_map(through).or_else(|| Some((module.file.clone(), name.clone())))
    }
}

/// Whether a file is the `mod.rs` of the folder that the other is in, however deep. A folder is one room: what its
/// `mod.rs` defines is there for all in it.
fn is_above(file: &str, other: &str) -> bool {
    file.strip_suffix("mod.rs").is_some_and(|folder| other.starts_with(folder))
}

fn joined(path: &[String], rest: &[String]) -> ModulePath {
    path.iter().chain(rest).cloned().collect()
}

fn read_module(
    file: &Path,
    children: &Path,
    path: &ModulePath,
    workspace: &Path,
    modules: &mut BTreeMap<ModulePath, Module>,
) {
    let text = fs::read_to_string(file).unwrap();
    let parsed: File = syn::parse_file(&text).unwrap();
    let mut reader = Reader { path: path.clone(), module: Module::of(file, workspace), declared: Vec::new() };
    reader.visit_file(&parsed);
    modules.insert(path.clone(), reader.module);
    for name in reader.declared {
        let flat = children.join(format!("{name}.rs"));
        let file = if flat.is_file() { flat } else { children.join(&name).join("mod.rs") };
        read_module(&file, &children.join(&name), &joined(path, &[name]), workspace, modules);
    }
}

impl Module {
    fn of(file: &Path, workspace: &Path) -> Self {
        let file: PathBuf = file.strip_prefix(workspace).unwrap().to_owned();
        Self {
            file: file.to_string_lossy().into_owned(),
            defined: BTreeSet::new(),
            imported: BTreeMap::new(),
            globs: Vec::new(),
            paths: Vec::new(),
        }
    }
}

/// Walks through the code of one file.
struct Reader {
    path: ModulePath,
    module: Module,
    /// Modules in files of their own.
    declared: Vec<String>,
}

impl Reader {
    /// A path that begins with `crate`, `self` or `super`, or with a module beside it, from the root of the crate.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let ups = path.iter().take_while(|segment| *segment == "super").count();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some(joined(&self.path, &path[1..])),
            "super" => Some(joined(&self.path[..self.path.len().checked_sub(ups)?], &path[ups..])),
            _ => None,
        }
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.bind(last, before);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.bind(name.clone(), &joined(before, &[name]));
            }
            UseTree::Rename(rename) => {
                self.bind(rename.rename.to_string(), &joined(before, &[rename.ident.to_string()]));
            }
            UseTree::Glob(_) => self.module.globs.extend(self.of_crate(before)),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.import(item, before)),
        }
    }

    /// A path of a `use`, which may also begin with a module declared here.
    fn of_crate(&self, path: &[String]) -> Option<ModulePath> {
        self.absolute(path).or_else(|| {
            let is_child = path.first().is_some_and(|first| self.module.defined.contains(first));
            is_child.then(|| joined(&self.path, path))
        })
    }

    fn bind(&mut self, name: String, path: &[String]) {
        if let Some(path) = self.of_crate(path) {
            self.module.imported.insert(name, path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast File) {
        let is_code = |item: &&Item| !is_of_tests(attributes(item));
        // First what is defined, so that imports from modules of this file are known as such.
        self.module.defined.extend(file.items.iter().filter(is_code).filter_map(name));
        file.items.iter().filter(is_code).for_each(|item| self.visit_item(item));
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if is_of_tests(&module.attrs) {
            return;
        }
        match &module.content {
            Some((_, items)) => items.iter().for_each(|item| self.visit_item(item)),
            None => self.declared.push(module.ident.to_string()),
        }
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.import(&import.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            match self.absolute(&segments) {
                Some(absolute) => self.module.paths.push(joined(&["crate".to_owned()], &absolute)),
                None => self.module.paths.push(segments),
            }
        }
        syn::visit::visit_path(self, path);
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
