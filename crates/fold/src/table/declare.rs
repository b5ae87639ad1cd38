//! The declaration of a built-in table: a struct whose fields are columns and whose comments are docs.

/// Declares a table's row as a struct, with its [`Table`](crate::Table) and its reading and writing.
///
/// The comment on the struct describes the table, the comment on a field its column.
macro_rules! table {
    (
        #[doc = $table_doc:literal]
        $row:ident in $schema:literal . $table:literal keyed by $keyed:ident
        ( $( #[doc = $key_doc:literal] $key:ident : $key_type:ty, )* )
        { $( #[doc = $doc:literal] $column:ident : $type:ty, )* }
    ) => {
        #[doc = $table_doc]
        #[derive(Debug, Clone, PartialEq)]
        pub struct $row {
            $( #[doc = $key_doc] pub $key: $key_type, )*
            $( #[doc = $doc] pub $column: $type, )*
        }

        impl crate::rows::TableRow for $row {
            fn table() -> &'static crate::Table {
                static TABLE: std::sync::LazyLock<crate::Table> = std::sync::LazyLock::new(|| {
                    let mut table = crate::Table {
                        schema: $schema.to_owned(),
                        name: $table.to_owned(),
                        description: $table_doc.trim().to_owned(),
                        version: [0; 16],
                        keyed_by: crate::KeyedBy::$keyed,
                        key: vec![$( crate::Column {
                            name: stringify!($key).to_owned(),
                            column_type: <$key_type as crate::Cell>::TYPE,
                            nullable: <$key_type as crate::Cell>::NULLABLE,
                            description: $key_doc.trim().to_owned(),
                        } ),*],
                        stored: vec![$( crate::Column {
                            name: stringify!($column).to_owned(),
                            column_type: <$type as crate::Cell>::TYPE,
                            nullable: <$type as crate::Cell>::NULLABLE,
                            description: $doc.trim().to_owned(),
                        } ),*],
                        shown: crate::Shown::AsStored,
                        merged_at_read: false,
                        derived: Vec::new(),
                    };
                    table.hash_version(crate::FOLD_REVISION);
                    table
                });
                &TABLE
            }

            fn key_values(&self) -> Vec<crate::Value> {
                vec![$( crate::Cell::to_value(&self.$key) ),*]
            }

            fn stored_values(&self) -> Vec<crate::Value> {
                vec![$( crate::Cell::to_value(&self.$column) ),*]
            }

            fn from_values(key: Vec<crate::Value>, stored: Vec<crate::Value>) -> Option<Self> {
                let mut key = key.into_iter();
                let mut stored = stored.into_iter();
                let _ = (&mut key, &mut stored);
                Some(Self {
                    $( $key: <$key_type as crate::Cell>::from_value(key.next()?)?, )*
                    $( $column: <$type as crate::Cell>::from_value(stored.next()?)?, )*
                })
            }
        }
    };
}

pub(crate) use table;
