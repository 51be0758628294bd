//! Up to where an account's changes were published: after a restart it goes on there.

use std::collections::BTreeMap;

use redb::{TableDefinition, TableError};

use crate::state::{Durability, State, StateError};
use crate::store::{FolderId, Token};

/// Account, folder -> the token behind what was published. Folder 0 stands for the account: there is one once it was seen.
const PUBLISHED: TableDefinition<'_, (&str, u32), &str> = TableDefinition::new("mail.published");

/// The tokens of an account; `None` if the account was never seen before.
pub(super) fn load(state: &State, account: &str) -> Result<Option<BTreeMap<FolderId, Token>>, StateError> {
    state.read(|transaction| {
        let table = match transaction.open_table(PUBLISHED) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut tokens = BTreeMap::new();
        let mut is_known = false;
        for row in table.range((account, 0)..=(account, u32::MAX))? {
            let (key, value) = row?;
            match key.value().1 {
                0 => is_known = true,
                folder => {
                    let token = value.value().parse().unwrap_or(Token::START);
                    tokens.insert(FolderId(folder), token);
                }
            }
        }
        Ok(is_known.then_some(tokens))
    })
}

/// Notes up to where folders were published, `None` for those that are gone. What is lost of it in a crash is published
/// again.
pub(super) async fn save(
    state: &State,
    account: &str,
    tokens: Vec<(FolderId, Option<Token>)>,
) -> Result<(), StateError> {
    let account = account.to_owned();
    let write = move |transaction: &redb::WriteTransaction| {
        let mut table = transaction.open_table(PUBLISHED)?;
        table.insert((account.as_str(), 0), "")?;
        for (folder, token) in tokens {
            match token {
                Some(token) => table.insert((account.as_str(), folder.0), token.to_string().as_str())?,
                None => table.remove((account.as_str(), folder.0))?,
            };
        }
        Ok(())
    };
    state.write(Durability::Later, write).await
}
