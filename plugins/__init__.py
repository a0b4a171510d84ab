"""The plugins that come with Crossfade, each on its own."""
