//! The Python door of rillet-core: conversions, locks, and one way in and out. It has no loop over rows.

mod allocator;
mod arrow;
mod batch;
mod beginning;
mod buffer;
mod build;
mod capsule;
mod choice;
mod coded;
mod column;
mod convert;
mod equal;
mod errors;
mod expr;
mod fill;
mod flat;
mod floats;
mod good;
mod infer;
mod iterator;
mod mapping;
mod missing;
mod moment;
mod nulls;
mod numpy;
mod operator;
mod pickle;
mod plan;
mod raised;
mod reader;
mod reason;
mod rows;
mod scalar;
mod schema;
mod table;
mod turn;
mod valid;
mod value;

/// The native half of rillet.
#[pyo3::pymodule(gil_used = true)]
mod _core {
    #[pymodule_export]
    use crate::arrow::{ArrowStream, batch_from_any, batch_from_rows, export_stream};
    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::beginning::PyBeginning;
    #[pymodule_export]
    use crate::expr::{PyAggregate, PyExpr, PyWindows, categorical, col, lit};
    #[pymodule_export]
    use crate::iterator::{BatchIterator, SetAside};
    #[pymodule_export]
    use crate::operator::{Operator, Results};
    #[pymodule_export]
    use crate::pickle::restore;
    #[pymodule_export]
    use crate::plan::{PyOpened, PyPlan, PyPrepared};
    #[pymodule_export]
    use crate::reader::FileReader;
    #[pymodule_export]
    use crate::schema::Schema;
    #[pymodule_export]
    use crate::turn::PyTurn;

    /// What is done once, when Python imports the module.
    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::allocator::give_back_sooner();
        Ok(())
    }

    /// The version of rillet.
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "it is the name that Python knows")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
