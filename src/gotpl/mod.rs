//! gotpl
