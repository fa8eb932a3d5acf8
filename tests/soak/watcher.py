"""Memory, descriptors and threads of processes over time."""

import threading

import psutil

MEGABYTE = 1 << 20


def usage(process):
    """(resident MB, descriptors, threads) of a process."""
    with process.oneshot():
        return process.memory_info().rss / MEGABYTE, process.num_fds(), process.num_threads()


class Watcher(threading.Thread):
    """Looks at one process again and again until stopped or until it is gone."""

    def __init__(self, pid, pause=0.5):
        super().__init__(daemon=True)
        self.process, self.pause, self.over = psutil.Process(pid), pause, threading.Event()
        self.samples = []
        self.start()

    def run(self):
        while not self.over.wait(self.pause):
            try:
                self.samples.append(usage(self.process))
            except psutil.Error:
                return

    def stop(self):
        self.over.set()
        self.join()
        return self.samples


class FamilyWatcher(threading.Thread):
    """The peaks of all processes below one, by their names."""

    def __init__(self, pid, figures, names, pause=0.5):
        super().__init__(daemon=True)
        self.root, self.figures, self.names, self.pause = pid, figures, names, pause
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(self.pause):
            try:
                for child in psutil.Process(self.root).children(recursive=True):
                    self.look(child)
            except psutil.Error:
                continue

    def look(self, child):
        try:
            name = child.name()
            if name not in self.names:
                return
            megabytes, files, threads = usage(child)
        except psutil.Error:
            return
        self.figures.peak(f"{name}_rss_peak_mb", megabytes)
        self.figures.peak(f"{name}_descriptors_peak", files)
        self.figures.peak(f"{name}_threads_peak", threads)

    def stop(self):
        self.over.set()
        self.join()


def family(pid):
    """The processes below one, by process id."""
    try:
        return {child.pid: child for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return {}


def left_over(processes, patience=15):
    """Those of the processes that are still there after a while."""
    _, alive = psutil.wait_procs(list(processes.values()), timeout=patience)
    return [f"{process.pid} {process.name()}" for process in alive if process.is_running()]
