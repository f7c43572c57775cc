from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        """Tell evaluation, which is above and may not ask, how to learn who the champion is."""
        from evaluation.gates.champion import name_champion_by
        from serving.releases.champion import champion_run

        name_champion_by(champion_run)
