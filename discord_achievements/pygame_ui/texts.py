"""What the widgets say, and how they write dates, in each of Discord's locales."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from ..domain.localization import resolve


class Words(NamedTuple):
    """The widgets' texts in one language. A game may pass its own, say `ENGLISH._replace(title="Trophies")`.

    Toasts say `headline` or `progress`. The list says `title`, the filters' `all`, `unlocked` and `locked`, `tally`
    (with `{n}` and `{total}`) and, at an entry, `unlocked_on` (with `{date}`); where there is nothing to show
    `loading`, `empty`, `none_unlocked` or `none_locked`; and in trouble `offline`, `failed` (with `{why}`), `retry`
    and `not_saved`.
    """

    headline: str
    progress: str
    title: str
    all: str
    unlocked: str
    locked: str
    tally: str
    unlocked_on: str
    loading: str
    empty: str
    none_unlocked: str
    none_locked: str
    offline: str
    failed: str
    retry: str
    not_saved: str


# fmt: off
ENGLISH = Words(
    "Achievement unlocked", "Achievement progress", "Achievements", "All", "Unlocked", "Locked",
    "{n} of {total} unlocked", "Unlocked {date}", "Loading achievements …", "This game has no achievements yet.",
    "Nothing unlocked yet. Go and play!", "Everything is unlocked. Well done!",
    "Offline: this is what was last known.", "The achievements cannot be loaded ({why}).", "Try again",
    "Progress is not being saved on this device.",
)

_OTHERS = {
    "id": Words(
        "Pencapaian terbuka", "Kemajuan pencapaian", "Pencapaian", "Semua", "Terbuka", "Terkunci",
        "{n} dari {total} terbuka", "Terbuka {date}", "Memuat pencapaian …", "Game ini belum punya pencapaian.",
        "Belum ada yang terbuka. Ayo bermain!", "Semuanya sudah terbuka. Hebat!",
        "Luring: ini data terakhir yang diketahui.", "Pencapaian tidak dapat dimuat ({why}).", "Coba lagi",
        "Kemajuan tidak disimpan di perangkat ini.",
    ),
    "da": Words(
        "Præstation låst op", "Fremskridt", "Præstationer", "Alle", "Låst op", "Låste",
        "{n} af {total} låst op", "Låst op {date}", "Henter præstationer …", "Spillet har endnu ingen præstationer.",
        "Intet låst op endnu. Kom i gang!", "Alt er låst op. Godt gået!",
        "Offline: dette er det senest kendte.", "Præstationerne kan ikke hentes ({why}).", "Prøv igen",
        "Fremskridt gemmes ikke på denne enhed.",
    ),
    "de": Words(
        "Erfolg freigeschaltet", "Fortschritt", "Erfolge", "Alle", "Freigeschaltet", "Gesperrt",
        "{n} von {total} freigeschaltet", "Freigeschaltet am {date}", "Erfolge werden geladen …",
        "Dieses Spiel hat noch keine Erfolge.",
        "Noch nichts freigeschaltet. Auf geht’s!", "Alles freigeschaltet. Gut gemacht!",
        "Offline: Das ist der letzte bekannte Stand.", "Die Erfolge lassen sich nicht laden ({why}).",
        "Noch einmal versuchen", "Der Fortschritt wird auf diesem Gerät nicht gespeichert.",
    ),
    "es-ES": Words(
        "Logro desbloqueado", "Progreso del logro", "Logros", "Todos", "Desbloqueados", "Bloqueados",
        "{n} de {total} desbloqueados", "Desbloqueado el {date}", "Cargando logros …",
        "Este juego aún no tiene logros.",
        "Aún no hay nada desbloqueado. ¡A jugar!", "Todo desbloqueado. ¡Bien hecho!",
        "Sin conexión: esto es lo último que se sabe.", "No se pueden cargar los logros ({why}).",
        "Intentar de nuevo", "El progreso no se guarda en este dispositivo.",
    ),
    "fr": Words(
        "Succès déverrouillé", "Progression du succès", "Succès", "Tous", "Déverrouillés", "Verrouillés",
        "{n} sur {total} déverrouillés", "Déverrouillé le {date}", "Chargement des succès …",
        "Ce jeu n’a pas encore de succès.",
        "Rien de déverrouillé pour l’instant. À vous de jouer !", "Tout est déverrouillé. Bravo !",
        "Hors ligne : voici le dernier état connu.", "Impossible de charger les succès ({why}).", "Réessayer",
        "La progression n’est pas enregistrée sur cet appareil.",
    ),
    "hr": Words(
        "Postignuće otključano", "Napredak postignuća", "Postignuća", "Sva", "Otključana", "Zaključana",
        "Otključano {n} od {total}", "Otključano {date}", "Učitavanje postignuća …", "Igra još nema postignuća.",
        "Još ništa nije otključano. Krenite!", "Sve je otključano. Bravo!",
        "Izvan mreže: ovo je zadnje poznato stanje.", "Postignuća se ne mogu učitati ({why}).", "Pokušaj ponovno",
        "Napredak se ne sprema na ovom uređaju.",
    ),
    "it": Words(
        "Obiettivo sbloccato", "Progresso obiettivo", "Obiettivi", "Tutti", "Sbloccati", "Bloccati",
        "{n} di {total} sbloccati", "Sbloccato il {date}", "Caricamento degli obiettivi …",
        "Questo gioco non ha ancora obiettivi.",
        "Ancora nulla di sbloccato. Al gioco!", "Tutto sbloccato. Ottimo lavoro!",
        "Offline: questo è l’ultimo stato noto.", "Impossibile caricare gli obiettivi ({why}).", "Riprova",
        "I progressi non vengono salvati su questo dispositivo.",
    ),
    "lt": Words(
        "Pasiekimas atrakintas", "Pasiekimo eiga", "Pasiekimai", "Visi", "Atrakinti", "Užrakinti",
        "Atrakinta {n} iš {total}", "Atrakinta {date}", "Įkeliami pasiekimai …",
        "Šis žaidimas dar neturi pasiekimų.",
        "Dar nieko neatrakinta. Pirmyn!", "Viskas atrakinta. Puiku!",
        "Neprisijungta: tai paskutinė žinoma būsena.", "Nepavyksta įkelti pasiekimų ({why}).", "Bandyti dar kartą",
        "Eiga šiame įrenginyje neišsaugoma.",
    ),
    "hu": Words(
        "Teljesítmény feloldva", "Teljesítmény állása", "Teljesítmények", "Mind", "Feloldva", "Zárolva",
        "{n} / {total} feloldva", "Feloldva: {date}", "Teljesítmények betöltése …",
        "A játéknak még nincsenek teljesítményei.",
        "Még semmi sincs feloldva. Játékra fel!", "Minden feloldva. Szép munka!",
        "Offline: ez a legutóbb ismert állapot.", "A teljesítmények nem tölthetők be ({why}).", "Újra",
        "Az előrehaladás nem mentődik ezen az eszközön.",
    ),
    "nl": Words(
        "Prestatie ontgrendeld", "Voortgang", "Prestaties", "Alle", "Ontgrendeld", "Vergrendeld",
        "{n} van {total} ontgrendeld", "Ontgrendeld op {date}", "Prestaties laden …",
        "Dit spel heeft nog geen prestaties.",
        "Nog niets ontgrendeld. Aan de slag!", "Alles is ontgrendeld. Goed gedaan!",
        "Offline: dit is de laatst bekende stand.", "De prestaties kunnen niet worden geladen ({why}).",
        "Opnieuw proberen", "Voortgang wordt niet opgeslagen op dit apparaat.",
    ),
    "no": Words(
        "Prestasjon låst opp", "Fremgang", "Prestasjoner", "Alle", "Låst opp", "Låste",
        "{n} av {total} låst opp", "Låst opp {date}", "Laster prestasjoner …", "Spillet har ingen prestasjoner ennå.",
        "Ingenting er låst opp ennå. Sett i gang!", "Alt er låst opp. Bra jobbet!",
        "Frakoblet: dette er det siste som er kjent.", "Prestasjonene kan ikke lastes ({why}).", "Prøv igjen",
        "Fremgangen lagres ikke på denne enheten.",
    ),
    "pl": Words(
        "Osiągnięcie odblokowane", "Postęp osiągnięcia", "Osiągnięcia", "Wszystkie", "Odblokowane", "Zablokowane",
        "Odblokowano {n} z {total}", "Odblokowano {date}", "Wczytywanie osiągnięć …",
        "Ta gra nie ma jeszcze osiągnięć.",
        "Nic jeszcze nie odblokowano. Do gry!", "Wszystko odblokowane. Brawo!",
        "Offline: to ostatni znany stan.", "Nie można wczytać osiągnięć ({why}).", "Spróbuj ponownie",
        "Postęp nie jest zapisywany na tym urządzeniu.",
    ),
    "pt-BR": Words(
        "Conquista desbloqueada", "Progresso da conquista", "Conquistas", "Todas", "Desbloqueadas", "Bloqueadas",
        "{n} de {total} desbloqueadas", "Desbloqueada em {date}", "Carregando conquistas …",
        "Este jogo ainda não tem conquistas.",
        "Nada desbloqueado ainda. Vamos jogar!", "Tudo desbloqueado. Muito bem!",
        "Offline: este é o último estado conhecido.", "Não foi possível carregar as conquistas ({why}).",
        "Tentar novamente", "O progresso não está sendo salvo neste dispositivo.",
    ),
    "ro": Words(
        "Realizare deblocată", "Progresul realizării", "Realizări", "Toate", "Deblocate", "Blocate",
        "{n} din {total} deblocate", "Deblocată la {date}", "Se încarcă realizările …",
        "Acest joc nu are încă realizări.",
        "Nimic deblocat încă. La joacă!", "Totul este deblocat. Bravo!",
        "Offline: aceasta este ultima stare cunoscută.", "Realizările nu pot fi încărcate ({why}).",
        "Încearcă din nou", "Progresul nu este salvat pe acest dispozitiv.",
    ),
    "fi": Words(
        "Saavutus avattu", "Saavutus etenee", "Saavutukset", "Kaikki", "Avatut", "Lukitut",
        "{n}/{total} avattu", "Avattu {date}", "Ladataan saavutuksia …", "Pelissä ei ole vielä saavutuksia.",
        "Mitään ei ole vielä avattu. Pelaamaan!", "Kaikki on avattu. Hienoa!",
        "Ei yhteyttä: tämä on viimeisin tiedossa oleva tilanne.", "Saavutuksia ei voi ladata ({why}).",
        "Yritä uudelleen", "Edistymistä ei tallenneta tälle laitteelle.",
    ),
    "sv-SE": Words(
        "Prestation upplåst", "Framsteg", "Prestationer", "Alla", "Upplåsta", "Låsta",
        "{n} av {total} upplåsta", "Upplåst {date}", "Läser in prestationer …",
        "Spelet har inga prestationer än.",
        "Inget upplåst än. Sätt igång!", "Allt är upplåst. Bra jobbat!",
        "Offline: detta är det senast kända.", "Prestationerna kan inte läsas in ({why}).", "Försök igen",
        "Framsteg sparas inte på den här enheten.",
    ),
    "vi": Words(
        "Đã mở khóa thành tựu", "Tiến độ thành tựu", "Thành tựu", "Tất cả", "Đã mở khóa", "Chưa mở khóa",
        "Đã mở khóa {n}/{total}", "Mở khóa ngày {date}", "Đang tải thành tựu …", "Trò chơi này chưa có thành tựu.",
        "Chưa mở khóa gì cả. Chơi thôi!", "Đã mở khóa tất cả. Giỏi lắm!",
        "Ngoại tuyến: đây là trạng thái được biết gần nhất.", "Không thể tải thành tựu ({why}).", "Thử lại",
        "Tiến độ không được lưu trên thiết bị này.",
    ),
    "tr": Words(
        "Başarım açıldı", "Başarım ilerlemesi", "Başarımlar", "Tümü", "Açılanlar", "Kilitliler",
        "{n}/{total} açıldı", "{date} tarihinde açıldı", "Başarımlar yükleniyor …",
        "Bu oyunun henüz başarımı yok.",
        "Henüz hiçbir şey açılmadı. Haydi oyuna!", "Hepsi açıldı. Tebrikler!",
        "Çevrimdışı: bilinen son durum bu.", "Başarımlar yüklenemiyor ({why}).", "Yeniden dene",
        "İlerleme bu cihaza kaydedilmiyor.",
    ),
    "cs": Words(
        "Úspěch odemčen", "Postup úspěchu", "Úspěchy", "Všechny", "Odemčené", "Zamčené",
        "Odemčeno {n} z {total}", "Odemčeno {date}", "Načítání úspěchů …", "Tato hra zatím nemá žádné úspěchy.",
        "Zatím nic odemčeného. Do hry!", "Vše je odemčeno. Výborně!",
        "Offline: toto je poslední známý stav.", "Úspěchy nelze načíst ({why}).", "Zkusit znovu",
        "Postup se na tomto zařízení neukládá.",
    ),
    "el": Words(
        "Το επίτευγμα ξεκλειδώθηκε", "Πρόοδος επιτεύγματος", "Επιτεύγματα", "Όλα", "Ξεκλειδωμένα", "Κλειδωμένα",
        "Ξεκλειδώθηκαν {n} από {total}", "Ξεκλειδώθηκε {date}", "Φόρτωση επιτευγμάτων …",
        "Το παιχνίδι δεν έχει ακόμα επιτεύγματα.",
        "Τίποτα ξεκλειδωμένο ακόμα. Πάμε!", "Όλα ξεκλειδώθηκαν. Μπράβο!",
        "Εκτός σύνδεσης: αυτή είναι η τελευταία γνωστή κατάσταση.", "Τα επιτεύγματα δεν φορτώνονται ({why}).",
        "Δοκιμή ξανά", "Η πρόοδος δεν αποθηκεύεται σε αυτήν τη συσκευή.",
    ),
    "bg": Words(
        "Постижението е отключено", "Напредък", "Постижения", "Всички", "Отключени", "Заключени",
        "Отключени {n} от {total}", "Отключено на {date}", "Зареждане на постиженията …",
        "Тази игра още няма постижения.",
        "Още нищо не е отключено. Към играта!", "Всичко е отключено. Браво!",
        "Офлайн: това е последното известно състояние.", "Постиженията не могат да се заредят ({why}).",
        "Нов опит", "Напредъкът не се запазва на това устройство.",
    ),
    "ru": Words(
        "Достижение получено", "Ход достижения", "Достижения", "Все", "Полученные", "Закрытые",
        "Получено {n} из {total}", "Получено {date}", "Загрузка достижений …", "В этой игре пока нет достижений.",
        "Пока ничего не получено. Вперёд!", "Всё получено. Отличная работа!",
        "Нет сети: показано последнее известное состояние.", "Не удалось загрузить достижения ({why}).",
        "Повторить", "Прогресс не сохраняется на этом устройстве.",
    ),
    "uk": Words(
        "Досягнення отримано", "Перебіг досягнення", "Досягнення", "Усі", "Отримані", "Закриті",
        "Отримано {n} з {total}", "Отримано {date}", "Завантаження досягнень …", "У цій грі ще немає досягнень.",
        "Ще нічого не отримано. Уперед!", "Усе отримано. Чудова робота!",
        "Немає мережі: це останній відомий стан.", "Не вдалося завантажити досягнення ({why}).",
        "Спробувати ще раз", "Прогрес не зберігається на цьому пристрої.",
    ),
    "hi": Words(
        "उपलब्धि अनलॉक हुई", "उपलब्धि की प्रगति", "उपलब्धियाँ", "सभी", "अनलॉक", "लॉक",
        "{total} में से {n} अनलॉक", "{date} को अनलॉक", "उपलब्धियाँ लोड हो रही हैं …",
        "इस गेम में अभी कोई उपलब्धि नहीं है।",
        "अभी कुछ अनलॉक नहीं हुआ। खेलना शुरू करें!", "सब कुछ अनलॉक हो गया। शाबाश!",
        "ऑफ़लाइन: यह पिछली ज्ञात स्थिति है।", "उपलब्धियाँ लोड नहीं हो सकीं ({why})।", "फिर कोशिश करें",
        "इस डिवाइस पर प्रगति सहेजी नहीं जा रही है।",
    ),
    "th": Words(
        "ปลดล็อกความสำเร็จแล้ว", "ความคืบหน้า", "ความสำเร็จ", "ทั้งหมด", "ปลดล็อกแล้ว", "ยังล็อกอยู่",
        "ปลดล็อกแล้ว {n} จาก {total}", "ปลดล็อกเมื่อ {date}", "กำลังโหลดความสำเร็จ …",
        "เกมนี้ยังไม่มีความสำเร็จ",
        "ยังไม่ได้ปลดล็อกอะไร ไปเล่นกันเลย!", "ปลดล็อกครบแล้ว เยี่ยมมาก!",
        "ออฟไลน์: นี่คือข้อมูลล่าสุดที่มี", "โหลดความสำเร็จไม่ได้ ({why})", "ลองอีกครั้ง",
        "ความคืบหน้าไม่ถูกบันทึกในอุปกรณ์นี้",
    ),
    "zh-CN": Words(
        "成就已解锁", "成就进度", "成就", "全部", "已解锁", "未解锁",
        "已解锁 {n}/{total}", "解锁于 {date}", "正在加载成就…", "这款游戏还没有成就。",
        "还没有解锁任何成就，快去玩吧！", "全部解锁，太棒了！",
        "离线：显示的是最近一次的状态。", "无法加载成就（{why}）。", "重试",
        "进度没有保存在此设备上。",
    ),
    "ja": Words(
        "実績を解除しました", "実績の進行状況", "実績", "すべて", "解除済み", "未解除",
        "{total} 個中 {n} 個解除", "{date} に解除", "実績を読み込んでいます…", "このゲームにはまだ実績がありません。",
        "まだ何も解除されていません。さあ、遊びましょう！", "すべて解除しました。お見事！",
        "オフライン：最後にわかっている状態です。", "実績を読み込めません（{why}）。", "もう一度試す",
        "進行状況はこの端末に保存されていません。",
    ),
    "zh-TW": Words(
        "成就已解鎖", "成就進度", "成就", "全部", "已解鎖", "未解鎖",
        "已解鎖 {n}/{total}", "解鎖於 {date}", "正在載入成就…", "這款遊戲還沒有成就。",
        "還沒有解鎖任何成就，快去玩吧！", "全部解鎖，太棒了！",
        "離線：顯示的是最近一次的狀態。", "無法載入成就（{why}）。", "重試",
        "進度沒有儲存在這部裝置上。",
    ),
    "ko": Words(
        "업적 달성", "업적 진행도", "업적", "전체", "달성", "미달성",
        "{total}개 중 {n}개 달성", "{date} 달성", "업적을 불러오는 중…", "이 게임에는 아직 업적이 없습니다.",
        "아직 달성한 업적이 없습니다. 플레이해 보세요!", "모두 달성했습니다. 훌륭해요!",
        "오프라인: 마지막으로 확인된 상태입니다.", "업적을 불러올 수 없습니다 ({why}).", "다시 시도",
        "진행 상황이 이 기기에 저장되지 않고 있습니다.",
    ),
}

# Source: CLDR, short dates with a year of four digits; Thailand counts years from 543 BC.
_DATES = {
    "en-US": "{m}/{d}/{y}", "en-GB": "{dd}/{mm}/{y}", "id": "{dd}/{mm}/{y}", "da": "{dd}.{mm}.{y}",
    "de": "{dd}.{mm}.{y}", "es-ES": "{d}/{m}/{y}", "es-419": "{d}/{m}/{y}", "fr": "{dd}/{mm}/{y}",
    "hr": "{dd}. {mm}. {y}.", "it": "{dd}/{mm}/{y}", "lt": "{y}-{mm}-{dd}", "hu": "{y}. {mm}. {dd}.",
    "nl": "{dd}-{mm}-{y}", "no": "{dd}.{mm}.{y}", "pl": "{dd}.{mm}.{y}", "pt-BR": "{dd}/{mm}/{y}",
    "ro": "{dd}.{mm}.{y}", "fi": "{d}.{m}.{y}", "sv-SE": "{y}-{mm}-{dd}", "vi": "{dd}/{mm}/{y}",
    "tr": "{dd}.{mm}.{y}", "cs": "{dd}.{mm}.{y}", "el": "{d}/{m}/{y}", "bg": "{dd}.{mm}.{y} г.",
    "ru": "{dd}.{mm}.{y}", "uk": "{dd}.{mm}.{y}", "hi": "{d}/{m}/{y}", "th": "{d}/{m}/{thai}",
    "zh-CN": "{y}/{m}/{d}", "ja": "{y}/{mm}/{dd}", "zh-TW": "{y}/{m}/{d}", "ko": "{y}. {m}. {d}.",
}
# fmt: on
_ISO_DATE = "{y}-{mm}-{dd}"
_CHOICE = {"en-US": "en-US", **{locale: locale for locale in _OTHERS}}


@lru_cache(maxsize=16)
def words_for(locale: str) -> Words:
    """Return the texts for a player who reads `locale`; English where there are none."""
    return _OTHERS.get(resolve("en-US", _CHOICE, locale), ENGLISH)


def date_of(unlocked_at: str, locale: str) -> str:
    """Return the day of an ISO 8601 time, in the player's time zone and as `locale` writes it."""
    at = datetime.fromisoformat(unlocked_at).astimezone()
    pattern = resolve(_ISO_DATE, _DATES, locale)
    return pattern.format(d=at.day, m=at.month, y=at.year, dd=f"{at.day:02}", mm=f"{at.month:02}", thai=at.year + 543)
