from django.apps import AppConfig


class RecsiteConfig(AppConfig):
    name = "recsite"

    def ready(self) -> None:
        from recsite.checks import register_checks

        register_checks()
