"""`python -m opsportal.sweeps.cluster`: one django-q2 cluster, bound to the supervisor that started it.

Not for people: `manage.py work` starts it in a process group of its own and replaces it when it hangs.
"""

import os
import signal


def main() -> None:
    from opsportal.sweeps import processes

    processes.die_as_asked()
    # The supervisor announces a graceful end to the whole group with SIGUSR1; only workers listen.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    import django

    django.setup()
    from django_q.cluster import Cluster
    from django_q.signals import post_spawn

    from opsportal.sweeps import tasks

    post_spawn.connect(tasks.listen_for_the_end)
    Cluster().start()


if __name__ == "__main__":
    main()
