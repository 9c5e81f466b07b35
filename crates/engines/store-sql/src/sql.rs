//! A statement in the making: text without values, and the values beside it.

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A value bound to a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any number.
    Real(f64),
    /// Whole numbers; for PostgreSQL only.
    Ints(Vec<i64>),
    /// No text.
    NoText,
    /// No whole number.
    NoInt,
    /// No number.
    NoReal,
}

/// A statement and its values.
#[derive(Clone, Debug)]
pub struct Sql {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The statement.
    pub text: String,
    /// Its values, in the order of their numbers from 1.
    pub params: Vec<Param>,
}

impl Sql {
    /// An empty statement.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), params: Vec::new() }
    }

    /// Appends text of ours.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Keeps a value and answers the placeholder that stands for it, as often as it is written.
    pub fn bind(&mut self, param: Param) -> String {
        let cast = match &param {
            Param::Text(_) | Param::NoText => "::text",
            Param::Int(_) | Param::NoInt => "::bigint",
            Param::Real(_) | Param::NoReal => "::float8",
            Param::Ints(_) => "::bigint[]",
        };
        self.params.push(param);
        let number = self.params.len();
        match self.dialect {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres => format!("${number}{cast}"),
        }
    }

    /// The placeholder of a text.
    pub fn text(&mut self, text: impl Into<String>) -> String {
        self.bind(Param::Text(text.into()))
    }

    /// The placeholder of a whole number.
    pub fn int(&mut self, number: i64) -> String {
        self.bind(Param::Int(number))
    }

    /// Joins to each row on the left the one object with its uid, or the one scope of its object.
    ///
    /// Both engines are kept from turning the join round: SQLite by the kind of join, PostgreSQL by
    /// the limit. Without statistics their guess is worse.
    pub(crate) fn joined_to(&self, table: &str, alias: &str, on: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!(" CROSS JOIN {table} {alias} ON {alias}.{on}"),
            Dialect::Postgres => {
                format!(" CROSS JOIN LATERAL (SELECT * FROM {table} z WHERE z.{on} LIMIT 1) {alias}")
            }
        }
    }

    /// Names the index SQLite has to walk, so that a list never sorts what an index has in order.
    pub(crate) fn indexed_by(&self, index: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!(" INDEXED BY {index}"),
            Dialect::Postgres => String::new(),
        }
    }
}

/// Joins conditions so that the tree stays flat: a thousand of them are ten deep.
pub(crate) fn joined(mut parts: Vec<String>, operator: &str, none: &str) -> String {
    match parts.len() {
        0 => none.into(),
        1 => parts.remove(0),
        n => {
            let right = joined(parts.split_off(n / 2), operator, none);
            let left = joined(parts, operator, none);
            format!("({left} {operator} {right})")
        }
    }
}
