//! What the lexer yields.
//!
//! Invariant: tokens in order cover the actions of a template; text between them is in [`Token::Text`] tokens.

use super::quote::quote;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The lexer gave up; the message is beside the token.
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    LeftParen,
    RightParen,
    /// A printable ASCII character with no meaning of its own, such as a comma.
    Char,
    Bool,
    CharConstant,
    Complex,
    Number,
    Str,
    RawStr,
    Identifier,
    Field,
    Variable,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Token {
    /// The keyword that a word is, if it is one.
    pub(super) fn keyword(word: &str) -> Option<Token> {
        Some(match word {
            "block" => Token::Block,
            "break" => Token::Break,
            "continue" => Token::Continue,
            "define" => Token::Define,
            "else" => Token::Else,
            "end" => Token::End,
            "if" => Token::If,
            "nil" => Token::Nil,
            "range" => Token::Range,
            "template" => Token::Template,
            "with" => Token::With,
            _ => return None,
        })
    }

    fn is_keyword(self) -> bool {
        matches!(
            self,
            Token::Dot
                | Token::Nil
                | Token::Block
                | Token::Break
                | Token::Continue
                | Token::Define
                | Token::Else
                | Token::End
                | Token::If
                | Token::Range
                | Token::Template
                | Token::With
        )
    }
}

/// A token and where it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) token: Token,
    /// First byte.
    pub(super) start: u32,
    /// One past the last byte.
    pub(super) end: u32,
}

/// The token as messages name it: `EOF`, `<if>`, `"x"`, and at most ten characters of a long one.
pub(super) fn describe(token: Token, text: &str) -> String {
    if token == Token::Eof {
        "EOF".into()
    } else if token.is_keyword() {
        format!("<{text}>")
    } else if text.len() > 10 {
        let head: String = text.chars().take(10).collect();
        format!("{}...", quote(head.as_bytes()))
    } else {
        quote(text.as_bytes())
    }
}
