//! draft
pub mod balance;
pub mod exchange;
pub mod head;
pub mod io;
pub mod limits;
pub mod negotiate;
pub mod op;
pub mod report;
pub mod route;
pub mod side;
pub mod time;
pub mod tunnel;
pub use op::*; pub use side::*;
