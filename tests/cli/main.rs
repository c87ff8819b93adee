//! The real program, driven from outside: exit status, standard output and error, the files it keeps.

mod actions;
mod damage;
mod door;
mod door_client;
mod door_hammered;
mod embed;
mod embed_labels;
mod evidence;
mod export;
mod faults;
mod film;
mod first_pictures;
mod import;
mod interrupted;
mod output;
mod plan;
mod precision;
mod predict;
mod predict_file;
mod program;
mod replay;
mod report;
mod saving;
