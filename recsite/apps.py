from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class RecsiteConfig(AppConfig):
    name = "recsite"

    def ready(self) -> None:
        from recsite.checks import register_checks

        register_checks()


class SiteStaticFiles(StaticFilesConfig):
    # django-htmx ships extensions that import a module by a bare name, which no hashed file name can follow. We use
    # none. django-ninja ships two documentation pages; ours is made of Swagger UI.
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "ext", "htmax-*", "htmx-4*", "redoc*", "swagger-ui-init*"]
