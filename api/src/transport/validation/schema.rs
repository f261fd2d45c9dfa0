//! The types of a schema, read from its text.

use std::collections::{HashMap, HashSet};

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    BaseType, DirectiveDefinition, DirectiveLocation, FieldDefinition, InputValueDefinition, OperationType,
    ServiceDocument, Type, TypeDefinition, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned, Value, parser};

use super::super::guard::repeatable_directives;
use super::hints::{Hints, question};

/// Whether a field of the query type tells of the schema.
pub(super) fn is_introspection(field: &str) -> bool {
    matches!(field, "__schema" | "__type")
}

/// How many types are suggested to select a field in.
const TYPES_MAX: usize = 3;
/// The types that every schema has, and those of introspection.
const SCALARS: [&str; 5] = ["Boolean", "Float", "ID", "Int", "String"];
const INTROSPECTION: &str = include_str!("introspection.graphql");
/// The directives that every schema has, for those whose text leaves them out.
const DIRECTIVES: &str = "
directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @deprecated(reason: String) on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE
directive @oneOf on INPUT_OBJECT
directive @specifiedBy(url: String!) on SCALAR
";

/// What documents are validated against.
#[derive(Debug)]
pub struct Schema {
    types: HashMap<Name, NamedType>,
    directives: HashMap<Name, Directive>,
    roots: Roots,
    /// Whether errors tell its names.
    pub(super) hints: Hints,
    /// `__typename`, which objects, interfaces and unions have.
    typename: Field,
}

/// Whether a custom scalar takes a value; the error says what was expected.
pub type ScalarCheck = fn(&Value) -> Result<(), String>;

#[derive(Debug)]
struct Roots {
    query: Name,
    mutation: Option<Name>,
    subscription: Option<Name>,
}

#[derive(Debug)]
pub(super) enum NamedType {
    Scalar { description: Option<String>, check: Option<ScalarCheck> },
    Object(IndexMap<Name, Field>),
    Interface { fields: IndexMap<Name, Field>, possible: HashSet<Name> },
    Union { possible: HashSet<Name> },
    Enum(Vec<Name>),
    InputObject { fields: Inputs, is_one_of: bool },
}

/// Arguments, or the fields of an input object.
pub(super) type Inputs = IndexMap<Name, Input>;

#[derive(Debug)]
pub(super) struct Field {
    pub(super) arguments: Inputs,
    pub(super) ty: Type,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) ty: Type,
    pub(super) default: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Directive {
    pub(super) arguments: Inputs,
    pub(super) locations: Vec<DirectiveLocation>,
    pub(super) is_repeatable: bool,
}

impl Input {
    /// Whether it must be given.
    pub(super) fn is_required(&self) -> bool {
        !self.ty.nullable && self.default.is_none()
    }
}

impl Schema {
    /// Reads the text of a schema, in the schema definition language.
    ///
    /// # Errors
    ///
    /// When the text is not a schema.
    pub fn parse(sdl: &str) -> Result<Self, parser::Error> {
        let document = parser::parse_schema(sdl)?;
        let repeatable = repeatable_directives(sdl).unwrap_or_default();
        let built_in = parser::parse_schema(format!("{INTROSPECTION}{DIRECTIVES}"))?;
        let mut schema = Self {
            types: SCALARS
                .map(|name| (Name::new(name), NamedType::Scalar { description: None, check: None }))
                .into(),
            directives: HashMap::new(),
            roots: roots(&document),
            hints: Hints::Told,
            typename: Field { arguments: Inputs::new(), ty: required("String") },
        };
        let mut implementers = Vec::new();
        for definition in built_in.definitions.into_iter().chain(document.definitions) {
            match definition {
                TypeSystemDefinition::Schema(_) => {}
                TypeSystemDefinition::Directive(Positioned { node, .. }) => {
                    schema.directives.insert(node.name.node.clone(), node.into());
                }
                TypeSystemDefinition::Type(Positioned { node, .. }) => {
                    let name = node.name.node.clone();
                    let (ty, interfaces) = named_type(node);
                    implementers.extend(interfaces.into_iter().map(|interface| (interface, name.clone())));
                    schema.types.insert(name, ty);
                }
            }
        }
        for (interface, object) in implementers {
            if let Some(NamedType::Interface { possible, .. }) = schema.types.get_mut(&interface) {
                possible.insert(object);
            }
        }
        for name in repeatable {
            if let Some(directive) = schema.directives.get_mut(name.as_str()) {
                directive.is_repeatable = true;
            }
        }
        schema.add_introspection();
        Ok(schema)
    }

    /// Says which values a custom scalar takes. Without a check it takes any.
    #[must_use]
    pub fn with_scalar(mut self, name: &str, is_valid: ScalarCheck) -> Self {
        if let Some(NamedType::Scalar { check, .. }) = self.types.get_mut(name) {
            *check = Some(is_valid);
        }
        self
    }

    /// The schema of a server that does not tell it: `__schema` and `__type` are no fields of it, as in the rule
    /// `NoSchemaIntrospectionCustomRule` of graphql-js. `__typename` stays. Errors suggest none of its names.
    #[must_use]
    pub fn without_introspection(mut self) -> Self {
        if let Some(NamedType::Object(fields)) = self.types.get_mut(&self.roots.query) {
            fields.retain(|name, _| !is_introspection(name));
        }
        self.hints = Hints::Withheld;
        self
    }

    fn add_introspection(&mut self) {
        let Some(NamedType::Object(fields)) = self.types.get_mut(&self.roots.query) else { return };
        let name = Input { ty: required("String"), default: None };
        let by_name = Field {
            arguments: Inputs::from([(Name::new("name"), name)]),
            ty: Type { nullable: true, ..required("__Type") },
        };
        fields.insert(Name::new("__type"), by_name);
        fields.insert(Name::new("__schema"), Field { arguments: Inputs::new(), ty: required("__Schema") });
    }

    pub(super) fn root(&self, operation: OperationType) -> Option<&Name> {
        match operation {
            OperationType::Query => Some(&self.roots.query),
            OperationType::Mutation => self.roots.mutation.as_ref(),
            OperationType::Subscription => self.roots.subscription.as_ref(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&NamedType> {
        self.types.get(name)
    }

    pub(super) fn type_names(&self) -> impl Iterator<Item = &Name> + Clone {
        self.types.keys()
    }

    pub(super) fn directive_names(&self) -> impl Iterator<Item = &Name> + Clone {
        self.directives.keys()
    }

    pub(super) fn directive(&self, name: &str) -> Option<&Directive> {
        self.directives.get(name)
    }

    /// A field of an object, interface or union.
    pub(super) fn field(&self, parent: &str, name: &str) -> Option<&Field> {
        match self.get(parent)? {
            parent if name == "__typename" && parent.is_composite() => Some(&self.typename),
            NamedType::Object(fields) | NamedType::Interface { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    /// Whether an object can be of both types.
    pub(super) fn overlap(&self, a: &str, b: &str) -> bool {
        match (self.possible(a), self.possible(b)) {
            (None, None) => a == b,
            (None, Some(possible)) => possible.contains(a),
            (Some(possible), None) => possible.contains(b),
            (Some(a), Some(b)) => !a.is_disjoint(b),
        }
    }

    /// The objects that an interface or union stands for; nothing for others.
    fn possible(&self, name: &str) -> Option<&HashSet<Name>> {
        match self.get(name)? {
            NamedType::Interface { possible, .. } | NamedType::Union { possible } => Some(possible),
            _ => None,
        }
    }

    /// The end of a message on a field that a type does not have.
    pub(super) fn field_meant(&self, parent: &str, name: &str) -> String {
        let (known, possible) = match self.get(parent) {
            Some(NamedType::Object(fields)) => (Some(fields), None),
            Some(NamedType::Interface { fields, possible }) => (Some(fields), Some(possible)),
            Some(NamedType::Union { possible }) => (None, Some(possible)),
            _ => (None, None),
        };
        if let Some(meant) = known.and_then(|known| self.hints.meant(name, known.keys())) {
            return question("", Some(meant));
        }
        let has_it = |ty: &&Name| self.field(ty.as_str(), name).is_some();
        let mut types: Vec<&Name> = possible.into_iter().flatten().filter(has_it).collect();
        types.sort();
        types.truncate(TYPES_MAX);
        if types.is_empty() || self.hints == Hints::Withheld {
            return String::new();
        }
        let types: Vec<String> = types.iter().map(|ty| format!("`{ty}`")).collect();
        format!("; did you mean to select it in a fragment on {}?", types.join(" or "))
    }
}

impl NamedType {
    pub(super) fn is_composite(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Interface { .. } | Self::Union { .. })
    }

    pub(super) fn is_input(&self) -> bool {
        matches!(self, Self::Scalar { .. } | Self::Enum(_) | Self::InputObject { .. })
    }
}

/// A named type that is not nullable.
fn required(name: &str) -> Type {
    Type { base: BaseType::Named(Name::new(name)), nullable: false }
}

/// The named type inside of lists.
pub(super) fn innermost(ty: &Type) -> &Name {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => innermost(item),
    }
}

fn roots(document: &ServiceDocument) -> Roots {
    let definition = document.definitions.iter().find_map(|definition| match definition {
        TypeSystemDefinition::Schema(schema) => Some(&schema.node),
        _ => None,
    });
    let is_defined = |name: &str| {
        document.definitions.iter().any(
            |definition| matches!(definition, TypeSystemDefinition::Type(ty) if ty.node.name.node == *name),
        )
    };
    match definition {
        Some(schema) => {
            let name = |root: &Option<Positioned<Name>>| root.as_ref().map(|root| root.node.clone());
            Roots {
                query: name(&schema.query).unwrap_or_else(|| Name::new("Query")),
                mutation: name(&schema.mutation),
                subscription: name(&schema.subscription),
            }
        }
        None => Roots {
            query: Name::new("Query"),
            mutation: is_defined("Mutation").then(|| Name::new("Mutation")),
            subscription: is_defined("Subscription").then(|| Name::new("Subscription")),
        },
    }
}

/// The type and the interfaces that it implements.
fn named_type(definition: TypeDefinition) -> (NamedType, Vec<Name>) {
    let names = |names: Vec<Positioned<Name>>| names.into_iter().map(|name| name.node);
    let ty = match definition.kind {
        TypeKind::Scalar => {
            NamedType::Scalar { description: definition.description.map(|text| text.node), check: None }
        }
        TypeKind::Object(object) => {
            return (NamedType::Object(fields(object.fields)), names(object.implements).collect());
        }
        TypeKind::Interface(interface) => {
            NamedType::Interface { fields: fields(interface.fields), possible: HashSet::new() }
        }
        TypeKind::Union(union) => NamedType::Union { possible: names(union.members).collect() },
        TypeKind::Enum(values) => {
            NamedType::Enum(values.values.into_iter().map(|value| value.node.value.node).collect())
        }
        TypeKind::InputObject(object) => NamedType::InputObject {
            fields: inputs(object.fields),
            is_one_of: definition.directives.iter().any(|directive| directive.node.name.node == *"oneOf"),
        },
    };
    (ty, Vec::new())
}

fn fields(fields: Vec<Positioned<FieldDefinition>>) -> IndexMap<Name, Field> {
    let field = |Positioned { node, .. }: Positioned<FieldDefinition>| {
        (node.name.node, Field { arguments: inputs(node.arguments), ty: node.ty.node })
    };
    fields.into_iter().map(field).collect()
}

fn inputs(inputs: Vec<Positioned<InputValueDefinition>>) -> Inputs {
    let input = |Positioned { node, .. }: Positioned<InputValueDefinition>| {
        (node.name.node, Input { ty: node.ty.node, default: node.default_value.map(|value| value.node) })
    };
    inputs.into_iter().map(input).collect()
}

impl From<DirectiveDefinition> for Directive {
    fn from(definition: DirectiveDefinition) -> Self {
        Self {
            arguments: inputs(definition.arguments),
            locations: definition.locations.into_iter().map(|location| location.node).collect(),
            is_repeatable: false,
        }
    }
}
