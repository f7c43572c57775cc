from django.apps import AppConfig


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        """Tell evaluation, which is above and may not ask, how to learn who the champion is."""
        from evaluation.champion import name_champion_by
        from serving.champion import champion_run

        name_champion_by(champion_run)
