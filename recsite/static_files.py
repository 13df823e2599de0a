"""Static files under names that carry a hash of their content, ES module imports included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    # Without this an ES module would import its neighbour under the plain name, which is cached for an hour only.
    support_js_module_import_aggregation = True
