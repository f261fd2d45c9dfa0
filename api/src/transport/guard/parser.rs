//! The second gate: tokens become a tree, by the grammar of executable documents and nothing beside it.
//!
//! The parser of the library that executes documents differs from the grammar in both directions: it takes
//! `queryA { a }`, `query () { a }` and `[00]`, refuses `[ Int ]`, `\u{1F600}` and a comment after `on`, and of a
//! key that stands twice in an object it forgets the first. The tree is the library's, so that it can execute it.

use std::collections::{HashMap, hash_map::Entry};

use async_graphql::parser::types::{
    BaseType, Directive, DocumentOperations, ExecutableDocument, Field, FragmentDefinition, FragmentSpread,
    InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeCondition,
    VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, indexmap};
use async_graphql_value::Value;
use ctutor_engine::payload::exact::is_canonical;

use super::Error;
use super::lexer::{Kind, Token};
use super::text::{BadEscape, unescape, unindent};

type Arguments = Vec<(Positioned<Name>, Positioned<Value>)>;

/// Parses tokens, of which the last is the end.
///
/// Recurses as deep as brackets are nested, which the first gate has bounded.
///
/// # Errors
///
/// [`Error::Syntax`], [`Error::Repeated`], [`Error::AnonymousOperation`], [`Error::NoOperation`].
pub(super) fn parse(tokens: &[Token<'_>]) -> Result<ExecutableDocument, Error> {
    let mut parser = Parser { tokens, at: 0, fault: None };
    let mut definitions = Definitions::default();
    loop {
        definitions.add(&mut parser)?;
        if parser.peek().kind == Kind::End {
            return definitions.finish();
        }
    }
}

#[derive(Default)]
struct Definitions {
    anonymous: Vec<Positioned<OperationDefinition>>,
    named: HashMap<Name, Positioned<OperationDefinition>>,
    fragments: HashMap<Name, Positioned<FragmentDefinition>>,
    /// The first fault that the grammar allows. It is told unless there is one that it does not allow.
    fault: Option<Error>,
}

impl Definitions {
    fn add(&mut self, parser: &mut Parser<'_, '_>) -> Result<(), Error> {
        let is_described = parser.skip_description()?;
        let pos = parser.peek().pos;
        if is_described && parser.is_at('{') {
            return parser
                .unexpected("`query`, `mutation`, `subscription` or `fragment` after a description");
        }
        let repeated = if parser.peek().kind == Kind::Name("fragment") {
            let (name, fragment) = parser.fragment()?;
            insert(&mut self.fragments, "fragment", name, Positioned::new(fragment, pos))
        } else {
            let (name, operation) = parser.operation()?;
            let operation = Positioned::new(operation, pos);
            match name {
                Some(name) => insert(&mut self.named, "operation", name, operation),
                None => {
                    self.anonymous.push(operation);
                    None
                }
            }
        };
        if let Some(repeated) = parser.fault.take().or(repeated) {
            self.fault.get_or_insert(repeated);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ExecutableDocument, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let operations = match self.anonymous.pop() {
            Some(operation) if self.anonymous.is_empty() && self.named.is_empty() => {
                DocumentOperations::Single(operation)
            }
            Some(Positioned { pos: Pos { line, column }, .. }) => {
                return Err(Error::AnonymousOperation { line, column });
            }
            None if self.named.is_empty() => return Err(Error::NoOperation),
            None => DocumentOperations::Multiple(self.named),
        };
        Ok(ExecutableDocument { operations, fragments: self.fragments })
    }
}

fn insert<T>(
    map: &mut HashMap<Name, T>,
    what: &'static str,
    name: Positioned<Name>,
    value: T,
) -> Option<Error> {
    match map.entry(name.node) {
        Entry::Vacant(entry) => {
            entry.insert(value);
            None
        }
        Entry::Occupied(entry) => Some(Error::repeated(what, entry.key(), name.pos)),
    }
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    /// The first key that stands twice in an object.
    fault: Option<Error>,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens[self.at]
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        // The end stays where it is.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, Error> {
        let Token { kind, pos } = self.peek();
        Err(Error::syntax(pos, format!("expected {expected}, found {kind}")))
    }

    fn is_at(&self, sign: char) -> bool {
        self.peek().kind == Kind::Punctuator(sign)
    }

    fn take(&mut self, sign: char) -> bool {
        let is_there = self.is_at(sign);
        if is_there {
            self.next();
        }
        is_there
    }

    fn expect(&mut self, sign: char) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { self.unexpected(&format!("`{sign}`")) }
    }

    fn name(&mut self, what: &str) -> Result<Positioned<Name>, Error> {
        let Token { kind: Kind::Name(name), pos } = self.peek() else { return self.unexpected(what) };
        self.next();
        Ok(Positioned::new(Name::new(name), pos))
    }

    /// At least one item between brackets.
    fn many<T>(
        &mut self,
        (open, close): (char, char),
        mut item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.expect(open)?;
        let mut items = vec![item(self)?];
        while !self.take(close) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// The same, where the brackets may be left out.
    fn optional_many<T>(
        &mut self,
        brackets: (char, char),
        item: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        if self.is_at(brackets.0) { self.many(brackets, item) } else { Ok(Vec::new()) }
    }

    /// A description changes nothing of what is executed.
    fn skip_description(&mut self) -> Result<bool, Error> {
        let is_described = matches!(self.peek().kind, Kind::String(_) | Kind::BlockString(_));
        if is_described {
            self.value(Constant::Yes)?;
        }
        Ok(is_described)
    }

    fn operation(&mut self) -> Result<(Option<Positioned<Name>>, OperationDefinition), Error> {
        let ty = match self.peek().kind {
            Kind::Punctuator('{') => {
                let selection_set = self.selection_set()?;
                let (variable_definitions, directives) = (Vec::new(), Vec::new());
                let ty = OperationType::Query;
                return Ok((
                    None,
                    OperationDefinition { ty, variable_definitions, directives, selection_set },
                ));
            }
            Kind::Name("query") => OperationType::Query,
            Kind::Name("mutation") => OperationType::Mutation,
            Kind::Name("subscription") => OperationType::Subscription,
            _ => return self.unexpected("`query`, `mutation`, `subscription`, `fragment` or `{`"),
        };
        self.next();
        let name = match self.peek().kind {
            Kind::Name(_) => Some(self.name("a name")?),
            _ => None,
        };
        let variable_definitions = self.optional_many(('(', ')'), Self::variable_definition)?;
        let directives = self.directives(Constant::No)?;
        let selection_set = self.selection_set()?;
        Ok((name, OperationDefinition { ty, variable_definitions, directives, selection_set }))
    }

    fn variable_definition(&mut self) -> Result<Positioned<VariableDefinition>, Error> {
        self.skip_description()?;
        let pos = self.peek().pos;
        self.expect('$')?;
        let name = self.name("the name of a variable")?;
        self.expect(':')?;
        let var_type = Positioned::new(self.ty()?, self.tokens[self.at - 1].pos);
        let default_value = if self.take('=') {
            let pos = self.peek().pos;
            let value = self.value(Constant::Yes)?.into_const().expect("a constant has no variables");
            Some(Positioned::new(value, pos))
        } else {
            None
        };
        let directives = self.directives(Constant::Yes)?;
        Ok(Positioned::new(VariableDefinition { name, var_type, directives, default_value }, pos))
    }

    fn ty(&mut self) -> Result<Type, Error> {
        let base = if self.take('[') {
            let item = self.ty()?;
            self.expect(']')?;
            BaseType::List(Box::new(item))
        } else {
            BaseType::Named(self.name("a type")?.node)
        };
        Ok(Type { base, nullable: !self.take('!') })
    }

    fn selection_set(&mut self) -> Result<Positioned<SelectionSet>, Error> {
        let pos = self.peek().pos;
        // A set has at least one selection: it cannot end before the first.
        let mut expected = "a field or `...`";
        let items = self.many(('{', '}'), |parser| {
            let selection = parser.selection(expected)?;
            expected = "a field, `...` or `}`";
            Ok(selection)
        })?;
        Ok(Positioned::new(SelectionSet { items }, pos))
    }

    fn selection(&mut self, expected: &str) -> Result<Positioned<Selection>, Error> {
        let pos = self.peek().pos;
        let selection = match self.peek().kind {
            Kind::Spread => self.spread()?,
            _ => Selection::Field(Positioned::new(self.field(expected)?, pos)),
        };
        Ok(Positioned::new(selection, pos))
    }

    fn field(&mut self, expected: &str) -> Result<Field, Error> {
        let first = self.name(expected)?;
        let (alias, name) =
            if self.take(':') { (Some(first), self.name("the name of a field")?) } else { (None, first) };
        let arguments = self.arguments(Constant::No)?;
        let directives = self.directives(Constant::No)?;
        let selection_set = if self.is_at('{') { self.selection_set()? } else { Positioned::default() };
        Ok(Field { alias, name, arguments, directives, selection_set })
    }

    fn spread(&mut self) -> Result<Selection, Error> {
        let pos = self.next().pos;
        match self.peek().kind {
            Kind::Name(name) if name != "on" => {
                let fragment_name = self.name("the name of a fragment")?;
                let directives = self.directives(Constant::No)?;
                Ok(Selection::FragmentSpread(Positioned::new(
                    FragmentSpread { fragment_name, directives },
                    pos,
                )))
            }
            kind => {
                let type_condition =
                    if matches!(kind, Kind::Name(_)) { Some(self.type_condition()?) } else { None };
                let directives = self.directives(Constant::No)?;
                let selection_set = self.selection_set()?;
                let fragment = InlineFragment { type_condition, directives, selection_set };
                Ok(Selection::InlineFragment(Positioned::new(fragment, pos)))
            }
        }
    }

    fn type_condition(&mut self) -> Result<Positioned<TypeCondition>, Error> {
        let pos = self.peek().pos;
        if self.peek().kind != Kind::Name("on") {
            return self.unexpected("`on` and a type");
        }
        self.next();
        Ok(Positioned::new(TypeCondition { on: self.name("a type")? }, pos))
    }

    fn fragment(&mut self) -> Result<(Positioned<Name>, FragmentDefinition), Error> {
        self.next();
        if self.peek().kind == Kind::Name("on") {
            return self.unexpected("the name of a fragment");
        }
        let name = self.name("the name of a fragment")?;
        let type_condition = self.type_condition()?;
        let directives = self.directives(Constant::No)?;
        let selection_set = self.selection_set()?;
        Ok((name, FragmentDefinition { type_condition, directives, selection_set }))
    }

    fn directives(&mut self, constant: Constant) -> Result<Vec<Positioned<Directive>>, Error> {
        let mut directives = Vec::new();
        while self.is_at('@') {
            let pos = self.next().pos;
            let name = self.name("the name of a directive")?;
            let arguments = self.arguments(constant)?;
            directives.push(Positioned::new(Directive { name, arguments }, pos));
        }
        Ok(directives)
    }

    fn arguments(&mut self, constant: Constant) -> Result<Arguments, Error> {
        self.optional_many(('(', ')'), |parser| {
            let name = parser.name("the name of an argument")?;
            parser.expect(':')?;
            let pos = parser.peek().pos;
            Ok((name, Positioned::new(parser.value(constant)?, pos)))
        })
    }

    fn value(&mut self, constant: Constant) -> Result<Value, Error> {
        let Token { kind, pos } = self.peek();
        match kind {
            Kind::Punctuator('[') => return self.list(constant),
            Kind::Punctuator('{') => return self.object(constant),
            Kind::Punctuator('$') if constant == Constant::No => {
                self.next();
                return Ok(Value::Variable(self.name("the name of a variable")?.node));
            }
            _ => {}
        }
        let value = match kind {
            Kind::Int(text) | Kind::Float(text) => number(text),
            Kind::String(raw) => Value::String(unescape(raw).map_err(|BadEscape(escape)| {
                Error::syntax(pos, format!("`{escape}` is not a valid escape in a string"))
            })?),
            Kind::BlockString(raw) => Value::String(unindent(raw)),
            Kind::Name("true") => Value::Boolean(true),
            Kind::Name("false") => Value::Boolean(false),
            Kind::Name("null") => Value::Null,
            Kind::Name(name) => Value::Enum(Name::new(name)),
            _ if constant == Constant::Yes => return self.unexpected("a value without variables"),
            _ => return self.unexpected("a value"),
        };
        self.next();
        Ok(value)
    }

    fn list(&mut self, constant: Constant) -> Result<Value, Error> {
        self.next();
        let mut items = Vec::new();
        while !self.take(']') {
            items.push(self.value(constant)?);
        }
        Ok(Value::List(items))
    }

    fn object(&mut self, constant: Constant) -> Result<Value, Error> {
        self.next();
        let mut fields = indexmap::IndexMap::new();
        while !self.take('}') {
            let name = self.name("the name of a field or `}`")?;
            self.expect(':')?;
            let value = self.value(constant)?;
            if fields.insert(name.node.clone(), value).is_some() {
                self.fault.get_or_insert(Error::repeated("input field", &name.node, name.pos));
            }
        }
        Ok(Value::Object(fields))
    }
}

/// Whether a value may hold variables.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Constant {
    Yes,
    No,
}

/// The tree keeps numbers as 64-bit integers or doubles and forgets how they were written. One that would come out in
/// another form becomes an enum value, see `exact`: what it stands for, its position says.
fn number(text: &str) -> Value {
    match text.parse() {
        Ok(number) if is_canonical(text) => Value::Number(number),
        _ => Value::Enum(Name::new(text)),
    }
}
