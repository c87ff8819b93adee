//! Every reader of other programs' files on files damaged in thousands of ways, with the same damage each time.

mod damage;
mod data_sets;
mod networks;
mod parquet;
