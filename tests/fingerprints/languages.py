# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - letters of other scripts are meant
"""The same four sentences in the languages that the desk lists, and texts of no such language."""

SENTENCES = {
    "ar": (
        "القطار القادم من الساحل متأخر اليوم عشرين دقيقة.",
        "تفتح المكتبة أبوابها من جديد صباح يوم الاثنين.",
        "يرجى عدم ترك الدراجات أمام مدخل المبنى.",
        "جدتي تخبز أفضل خبز في القرية كلها.",
    ),
    "bg": (
        "Влакът от морето закъснява днес с двадесет минути.",
        "Библиотеката отваря отново в понеделник сутринта.",
        "Моля, не оставяйте колела пред входа на сградата.",
        "Баба ми прави най-добрия хляб в цялото село.",
    ),
    "cs": (
        "Vlak od moře má dnes dvacet minut zpoždění.",
        "Knihovna se znovu otevře v pondělí ráno.",
        "Nenechávejte prosím kola před vchodem do domu.",
        "Moje babička peče nejlepší chleba v celé vesnici.",
    ),
    "da": (
        "Toget fra kysten er tyve minutter forsinket i dag.",
        "Biblioteket åbner igen på mandag morgen.",
        "Lad venligst ikke cykler stå foran indgangen.",
        "Min bedstemor bager det bedste brød i hele landsbyen.",
    ),
    "de": (
        "Der Zug von der Küste hat heute zwanzig Minuten Verspätung.",
        "Die Bücherei öffnet am Montag früh wieder.",
        "Bitte keine Fahrräder vor dem Eingang abstellen.",
        "Meine Großmutter backt das beste Brot im ganzen Dorf.",
    ),
    "el": (
        "Το τρένο από τη θάλασσα έχει σήμερα είκοσι λεπτά καθυστέρηση.",
        "Η βιβλιοθήκη ανοίγει ξανά τη Δευτέρα το πρωί.",
        "Παρακαλώ μην αφήνετε ποδήλατα μπροστά στην είσοδο.",
        "Η γιαγιά μου φτιάχνει το καλύτερο ψωμί του χωριού.",
    ),
    "en": (
        "The train from the coast is twenty minutes late today.",
        "The library opens again on Monday morning.",
        "Please do not leave bicycles in front of the entrance.",
        "My grandmother bakes the best bread in the whole village.",
    ),
    "es": (
        "El tren de la costa llega hoy con veinte minutos de retraso.",
        "La biblioteca vuelve a abrir el lunes por la mañana.",
        "Por favor, no dejen bicicletas delante de la entrada.",
        "Mi abuela hace el mejor pan de todo el pueblo.",
    ),
    "fa": (
        "قطار ساحل امروز بیست دقیقه تأخیر دارد.",
        "کتابخانه صبح دوشنبه دوباره باز می‌شود.",
        "لطفاً دوچرخه‌ها را جلوی در ورودی نگذارید.",
        "مادربزرگم بهترین نان تمام روستا را می‌پزد.",
    ),
    "fi": (
        "Juna rannikolta on tänään kaksikymmentä minuuttia myöhässä.",
        "Kirjasto avataan uudelleen maanantaiaamuna.",
        "Älkää jättäkö polkupyöriä sisäänkäynnin eteen.",
        "Isoäitini leipoo koko kylän parasta leipää.",
    ),
    "fr": (
        "Le train de la côte a vingt minutes de retard aujourd'hui.",
        "La bibliothèque rouvre lundi matin.",
        "Merci de ne pas laisser de vélos devant l'entrée.",
        "Ma grand-mère fait le meilleur pain de tout le village.",
    ),
    "he": (
        "הרכבת מהחוף מאחרת היום בעשרים דקות.",
        "הספרייה תיפתח שוב ביום שני בבוקר.",
        "נא לא להשאיר אופניים לפני הכניסה לבניין.",
        "סבתא שלי אופה את הלחם הכי טוב בכל הכפר.",
    ),
    "hr": (
        "Vlak s mora danas kasni dvadeset minuta.",
        "Knjižnica se ponovno otvara u ponedjeljak ujutro.",
        "Molimo ne ostavljajte bicikle ispred ulaza u zgradu.",
        "Moja baka peče najbolji kruh u cijelom selu.",
    ),
    "hu": (
        "A tengerpartról jövő vonat ma húsz percet késik.",
        "A könyvtár hétfő reggel újra kinyit.",
        "Kérjük, ne hagyjanak kerékpárt a bejárat előtt.",
        "A nagymamám süti a legjobb kenyeret az egész faluban.",
    ),
    "it": (
        "Il treno dalla costa oggi ha venti minuti di ritardo.",
        "La biblioteca riapre lunedì mattina.",
        "Si prega di non lasciare biciclette davanti all'ingresso.",
        "Mia nonna fa il pane più buono di tutto il paese.",
    ),
    "lt": (
        "Traukinys nuo pajūrio šiandien vėluoja dvidešimt minučių.",
        "Biblioteka vėl atsidarys pirmadienio rytą.",
        "Prašome nepalikti dviračių prie įėjimo.",
        "Mano močiutė kepa skaniausią duoną visame kaime.",
    ),
    "nl": (
        "De trein van de kust heeft vandaag twintig minuten vertraging.",
        "De bibliotheek gaat maandagochtend weer open.",
        "Zet alstublieft geen fietsen voor de ingang.",
        "Mijn grootmoeder bakt het beste brood van het hele dorp.",
    ),
    "pl": (
        "Pociąg znad morza jest dziś opóźniony o dwadzieścia minut.",
        "Biblioteka otwiera się ponownie w poniedziałek rano.",
        "Prosimy nie zostawiać rowerów przed wejściem.",
        "Moja babcia piecze najlepszy chleb w całej wsi.",
    ),
    "pt": (
        "O comboio da costa está hoje atrasado vinte minutos.",
        "A biblioteca volta a abrir na segunda-feira de manhã.",
        "Por favor, não deixem bicicletas em frente da entrada.",
        "A minha avó faz o melhor pão de toda a aldeia.",
    ),
    "ro": (
        "Trenul de la mare are astăzi douăzeci de minute întârziere.",
        "Biblioteca se deschide din nou luni dimineață.",
        "Vă rugăm să nu lăsați biciclete în fața intrării.",
        "Bunica mea face cea mai bună pâine din tot satul.",
    ),
    "ru": (
        "Поезд с побережья сегодня опаздывает на двадцать минут.",
        "Библиотека снова откроется в понедельник утром.",
        "Пожалуйста, не оставляйте велосипеды перед входом.",
        "Моя бабушка печёт лучший хлеб во всей деревне.",
    ),
    "sk": (
        "Vlak od mora má dnes dvadsať minút meškanie.",
        "Knižnica sa znova otvorí v pondelok ráno.",
        "Nenechávajte prosím bicykle pred vchodom do domu.",
        "Moja stará mama pečie najlepší chlieb v celej dedine.",
    ),
    "sl": (
        "Vlak z morja ima danes dvajset minut zamude.",
        "Knjižnica se znova odpre v ponedeljek zjutraj.",
        "Prosimo, ne puščajte koles pred vhodom v stavbo.",
        "Moja babica peče najboljši kruh v celi vasi.",
    ),
    "sq": (
        "Treni nga bregdeti sot ka njëzet minuta vonesë.",
        "Biblioteka hapet përsëri të hënën në mëngjes.",
        "Ju lutemi mos lini biçikleta para hyrjes.",
        "Gjyshja ime bën bukën më të mirë në gjithë fshatin.",
    ),
    "sr": (
        "Воз са мора данас касни двадесет минута.",
        "Библиотека се поново отвара у понедељак ујутру.",
        "Молимо не остављајте бицикле испред улаза у зграду.",
        "Моја бака пече најбољи хлеб у целом селу.",
    ),
    "sv": (
        "Tåget från kusten är tjugo minuter försenat i dag.",
        "Biblioteket öppnar igen på måndag morgon.",
        "Ställ inga cyklar framför ingången, tack.",
        "Min mormor bakar det bästa brödet i hela byn.",
    ),
    "tr": (
        "Sahilden gelen tren bugün yirmi dakika gecikmeli.",
        "Kütüphane pazartesi sabahı yeniden açılıyor.",
        "Lütfen girişin önüne bisiklet bırakmayın.",
        "Büyükannem bütün köyün en güzel ekmeğini yapar.",
    ),
    "uk": (
        "Потяг з узбережжя сьогодні запізнюється на двадцять хвилин.",
        "Бібліотека знову відкриється в понеділок вранці.",
        "Будь ласка, не залишайте велосипеди перед входом.",
        "Моя бабуся пече найкращий хліб у всьому селі.",
    ),
    "ur": (
        "ساحل سے آنے والی ٹرین آج بیس منٹ لیٹ ہے۔",
        "کتب خانہ پیر کی صبح دوبارہ کھلے گا۔",
        "براہ کرم داخلی دروازے کے سامنے سائیکلیں نہ چھوڑیں۔",
        "میری دادی پورے گاؤں کی سب سے اچھی روٹی بناتی ہیں۔",
    ),
}

NO_SINGLE_LANGUAGE = (
    "Anna Kowalski, Pierre Dupont, Mehmet Yilmaz, John Smith, Carlos Ruiz, Lars Hansen",
    "https://example.org/a/b/c?x=1 https://example.net/film.mp4 https://t.example/abc",
    "2026-11-28 20:14 50.8503 4.3517 +32 000 00 00 112 1234 5678 9012",
    "#breaking #live #video #share #now #brussels #join",
    "Der Zug hat Verspätung. The library opens again on Monday morning. Bitte warten.",
    "ana ray7 el souk el youm ma3a sa7bi w ha nerga3 bokra",
)
