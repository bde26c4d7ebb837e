//! What an image says about itself.
