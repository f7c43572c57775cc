from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        """Give evaluation, which may not import this app, the function that returns the champion's run."""
        from evaluation.gates.champion import name_champion_by
        from serving.releases.champion import champion_run

        name_champion_by(champion_run)
