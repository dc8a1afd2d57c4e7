// Everything here is a comfort: without it the pages work by links and forms.

import { wireActions } from "./actions.js";
import { applyItems } from "./cards.js";
import { wireComposer } from "./composer.js";
import { wireKeys } from "./keys.js";
import { followJobs } from "./live.js";
import { revision } from "./page.js";
import { wirePlayer } from "./player.js";
import { wirePosters } from "./posters.js";
import { refreshQueue } from "./queue.js";
import { tellHealth } from "./redraw.js";
import { wireSignedOut } from "./signed-out.js";
import { entitle, wireTab } from "./tab.js";
import { keepTime } from "./times.js";
import { wireUndo } from "./undo.js";

keepTime();
wireActions();
wireUndo();
wireSignedOut();
wireComposer();
wireKeys();
wirePosters();
wirePlayer();
wireTab();
entitle();
refreshQueue();
if (revision !== null) followJobs((items) => { applyItems(items); refreshQueue(); }, tellHealth); // a page of no revision shows no jobs
