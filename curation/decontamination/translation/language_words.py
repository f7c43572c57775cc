"""What languages are told by: ranges of scripts, letters beside the common ones, and frequent words. Data only.

A word that several languages share counts for each of them, so it decides nothing between them. Single letters without
an accent are left out: in formulas and lists they are no words.
"""

NAMES = {
    "am": "Amharic", "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish",
    "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ka": "Georgian", "km": "Khmer",
    "kn": "Kannada", "ko": "Korean", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "ml": "Malayalam",
    "my": "Burmese", "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

SCRIPTS = {
    "latin": ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)),
    "greek": ((0x370, 0x3FF), (0x1F00, 0x1FFF)),
    "cyrillic": ((0x400, 0x52F),),
    "armenian": ((0x530, 0x58F),),
    "hebrew": ((0x590, 0x5FF),),
    "arabic": ((0x600, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFF)),
    "devanagari": ((0x900, 0x97F),),
    "bengali": ((0x980, 0x9FF),),
    "gurmukhi": ((0xA00, 0xA7F),),
    "gujarati": ((0xA80, 0xAFF),),
    "tamil": ((0xB80, 0xBFF),),
    "telugu": ((0xC00, 0xC7F),),
    "kannada": ((0xC80, 0xCFF),),
    "malayalam": ((0xD00, 0xD7F),),
    "sinhala": ((0xD80, 0xDFF),),
    "thai": ((0xE00, 0xE7F),),
    "lao": ((0xE80, 0xEFF),),
    "myanmar": ((0x1000, 0x109F),),
    "georgian": ((0x10A0, 0x10FF), (0x1C90, 0x1CBF)),
    "ethiopic": ((0x1200, 0x139F),),
    "cherokee": ((0x13A0, 0x13FF), (0xAB70, 0xABBF)),
    "khmer": ((0x1780, 0x17FF),),
    "kana": ((0x3041, 0x30FF), (0x31F0, 0x31FF)),
    "han": ((0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF)),
    "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7A3)),
}
"""Where the letters of each script are."""

LETTERS = {
    "latin": {
        "en": "", "id": "", "sw": "", "tl": "",
        "ca": "àçèéíïòóúü", "cs": "áčďéěíňóřšťúůýž", "da": "åæéø", "de": "äöüß", "es": "áéíñóúü", "et": "äõöüšž",
        "fi": "äåö", "fr": "àâæçèéêëîïôùûüÿœ", "hr": "čćđšž", "hu": "áéíóöúüőű", "it": "àèéìòù", "lt": "ąčėęįšūųž",
        "lv": "āčēģīķļņšūž", "nl": "ëéèïóöü", "no": "åæéòø", "pl": "ąćęłńóśźż", "pt": "àáâãçéêíóôõú", "ro": "âîășțşţ",
        "sk": "áäčďéíĺľňóôŕšťúýž", "sl": "čšž", "sv": "äåéö", "tr": "âçğıîöşûü",
        "vi": "àáâãèéêìíòóôõùúýăđĩũơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    },
    "cyrillic": {"ru": "ёъыэ", "uk": "єіїґ", "bg": "ъ", "sr": "ђјљњћџ"},
    "arabic": {"ar": "ةىأإؤئ", "fa": "پچژگکی", "ur": "ٹڈڑںےھہپچگکی"},
    "greek": {"el": ""}, "armenian": {"hy": ""}, "hebrew": {"he": ""}, "devanagari": {"hi": ""}, "bengali": {"bn": ""},
    "gurmukhi": {"pa": ""}, "gujarati": {"gu": ""}, "tamil": {"ta": ""}, "telugu": {"te": ""}, "kannada": {"kn": ""},
    "malayalam": {"ml": ""}, "sinhala": {"si": ""}, "thai": {"th": ""}, "lao": {"lo": ""}, "myanmar": {"my": ""},
    "georgian": {"ka": ""}, "ethiopic": {"am": ""}, "khmer": {"km": ""}, "hangul": {"ko": ""},
}  # fmt: skip
"""By script, the languages that are written in it, each with the letters that not all of them have."""

FUNCTION_WORDS = {
    "en": "the of and to in is that it for was on are with as his her they be at this have from or had by not but what"
    " all were we when your can there an each which she he do how their if will up other about out many then them these"
    " so some would into has more no could been its than now who may did get you my me our because does after before"
    " while where why any only over most between should during much every both left too i'm don't it's you're per see"
    " non care under due ten plus men man come comment pie am door son met sit pot wake sense till bare via also new"
    " good day year make made take work long give gave total price cost us please write explain",
    "de": "der die das und ist nicht ein eine einen einem einer den dem des zu mit sich auf für von im es auch als an"
    " wie aus bei nach werden wird war wenn aber noch nur oder hat haben sind so man kann sie er wir ich du mir mich"
    " dir ihr ihre seine zum zur über vor durch unter mehr welche welcher welches warum was wer wo gibt dass daß kein"
    " keine schon jeder jede jedes dann muss sein wurde zwei drei viele viel dich uns euch beim vom sehr diese dieser"
    " dieses damit ohne am",
    "fr": "le la les de des du un une et est en que qui dans pour pas sur au aux ce cette ces il elle ils elles on nous"
    " vous je tu ne se son sa ses leur leurs avec par plus mais ou où sont été être avoir ont fait comme tout tous"
    " toute si sans même quel quelle quels quelles comment pourquoi combien lui d'un d'une c'est qu'il qu'on n'est"
    " l'on j'ai entre après avant très aussi peut faut chaque deux trois votre mon ma mes ton",
    "es": "el la los las de del un una unos unas y en que es no se por con para su sus al lo como más pero le ha o este"
    " esta estos son está muy ya también fue hay cuando donde dónde qué cómo cuál cuánto cuántos cuántas cada porque"
    " sin sobre entre ser tiene nos yo tú él ella ellos hasta desde todo todos dos tres puede si mi ese eso esa usted",
    "pt": "o os as um uma de do da dos das e em no na nos nas que é não se por com para como mais mas ao à são foi ou"
    " ser tem seu sua seus suas isso este esta quando muito já também há qual quais quantos quantas quanto cada porque"
    " você ele ela eles nós entre até sem pelo pela onde está pode dois três meu minha",
    "it": "il lo la gli le un uno una di del della dei delle degli e è che non per con in nel nella da dal dalla su sul"
    " si ma come più anche sono ha ho hai hanno questo questa quando dove perché quanti quante quanto quale quali ogni"
    " cosa chi al alla ai alle ci se mi ti suo sua suoi essere stato tra fra dopo prima senza molto due tre può deve"
    " c'è dell'acqua un'altra",
    "nl": "de het een en van is dat niet op te in voor met zijn er aan ook als bij uit maar nog naar dan wat hoe wie"
    " waar waarom welke hoeveel heeft hebben had was worden wordt werd kan kunnen deze dit die door over om hij zij ze"
    " wij je jij ik mijn jouw hun ons geen meer al tot zo na tegen onder veel twee drie elke moet omdat",
    "sv": "och att det i en ett är som på för av med den till inte har om de var jag du han hon vi ni så men från eller"
    " när hur vad vem varför vilken vilket många mycket kan ska skulle sig sin sitt sina man nu efter vid mot under"
    " över också bara där här två tre varje finns blir inga ingen",
    "da": "og at det i en et er som på for af med den til ikke har om de var jeg du han hun vi så men fra eller når"
    " hvordan hvad hvem hvorfor hvilken hvilket mange meget kan skal ville sig sin sit sine man nu efter ved mod under"
    " over også kun der her to tre hver findes bliver ingen noget være blev",
    "no": "og å det i en et er som på for av med den til ikke har om de var jeg du han hun vi så men fra eller når"
    " hvordan hva hvem hvorfor hvilken hvilket mange mye kan skal ville seg sin sitt sine man nå etter ved mot under"
    " over også bare der her to tre hver finnes blir ingen noe være ble",
    "fi": "ja on ei se että hän oli ovat joka mutta tai kun niin myös kuin mitä mikä miksi miten kuinka paljon monta"
    " jos minä sinä me he ne tämä sen hänen olla voi ole kanssa jälkeen ennen vain vielä nyt sitten kaikki yksi kaksi"
    " kolme jokainen mukaan sekä eli missä kuka jonka",
    "pl": "i w na z do się nie to jest że o jak ale po od za dla co czy już był była było są być ma tak przez przy"
    " tylko jego jej ich może oraz gdy kiedy gdzie dlaczego ile który która które każdy każdego jeśli można bardzo pod"
    " przed dwa trzy ja ty on ona my wy oni ze we",
    "cs": "a v na se je že to s z do o i ve ale jako jak za po pro od by byl byla bylo jsou být má když nebo co kdo kde"
    " proč kolik který která které každý ten tato toto tím jeho její jejich jen už ještě tak při mezi podle může také"
    " si jsem dva tři ze než velmi",
    "sk": "a v na sa je že to s z do o aj vo ale ako za po pre od by bol bola bolo sú byť má keď alebo čo kto kde prečo"
    " koľko ktorý ktorá ktoré každý ten táto toto jeho jej ich len už ešte tak pri medzi podľa môže tiež si som dva"
    " tri zo než veľmi",
    "hr": "i u na je se da su za od s o ne što kako koji koja koje ili ali kao bio bila bilo biti ima ako kada gdje"
    " zašto koliko svaki ovaj ova ovo njegov njezin samo već još tako pri između može također sam dva tri iz nego vrlo"
    " po do nije",
    "sl": "in v na je se da so za od z o ne kaj kako ki ali kot bil bila bilo biti ima če ko kje zakaj koliko vsak ta"
    " to njegov njen samo že še tako pri med lahko tudi sem dva tri iz kot zelo po do ni",
    "hu": "a az és hogy nem is egy van volt meg ez azt ezt csak már még de ha vagy mint mi ki hol miért mennyi hány"
    " hogyan minden után előtt alatt között pedig lesz kell lehet sok nagyon két három ő én te mert ami aki akkor majd",
    "ro": "de și în la cu pe nu o un una este sunt a al ale ai din care că se să pentru mai ce cum unde când cât câți"
    " câte fiecare dar sau dacă era fost are au lui ei lor după înainte între fără foarte doi trei acest această"
    " acesta prin până",
    "tr": "ve bir bu da de için ile ne çok daha en gibi olan olarak var yok kadar sonra önce ama ya mi mı mu mü değil"
    " her kaç nasıl neden niçin hangi kim nerede iki üç ben sen biz siz onlar onun bunun şu o ise veya olur oldu edilir"
    " toplam tane",
    "vi": "và của là có không được trong cho một các những với này đó khi người đã để ra vào đến từ như nhiều bao nhiêu"
    " thế nào tại sao mỗi hai ba tôi bạn anh chị em ông bà chúng họ rất cũng thì mà nếu hay hoặc trên dưới sau trước",
    "id": "yang dan di dari untuk dengan ini itu dalam tidak adalah pada ke akan oleh juga atau sebagai karena ada"
    " mereka dia saya kamu anda kami kita berapa bagaimana mengapa apa siapa mana kapan setiap lebih sudah telah dapat"
    " bisa harus jika maka dua tiga semua banyak sangat setelah sebelum antara",
    "tl": "ang ng mga sa na ay at ko mo si ni kay para hindi ito iyon niya siya sila kami tayo ako ikaw kung paano"
    " bakit ano sino ilan saan kailan bawat lahat may wala dahil pero ngunit mula noong rin din lamang pa dalawa tatlo",
    "sw": "na ya wa kwa ni la za katika kuwa hii hiyo huo yake wake yao lakini au kama sana baada kabla nini nani wapi"
    " lini ngapi kila moja mbili tatu mimi wewe yeye sisi ninyi wao si hakuna ili pia tu cha vya",
    "ca": "el la els les de del dels un una uns unes i en que és no es per amb al als com més però o aquest aquesta són"
    " ha va molt ja també hi quan on què quina quants quantes cada perquè sense sobre entre fins seu seva pot dos tres",
    "lt": "ir yra kad į iš su ne tai bet ar kaip per po už nuo iki buvo būti jis ji jie mes jūs aš tu kas kur kodėl"
    " kiek kuris kuri kiekvienas tik jau dar taip tarp gali taip pat du trys apie prie labai",
    "lv": "un ir ka no uz ar ne tas bet vai kā pa par pie līdz bija būt viņš viņa viņi mēs jūs es tu kas kur kāpēc cik"
    " kurš kura katrs tikai jau vēl tā starp var arī divi trīs ļoti pēc pirms",
    "et": "ja on ei et see oli ta kui aga või mis kes kus miks kuidas palju iga ka oma selle nad me te ma sa ole olla"
    " pärast enne ainult veel nüüd siis kõik üks kaks kolm väga ning mida seda",
    "ru": "и в не на что он как это с по но из у за от для так же то все бы она они мы вы я если или уже когда только"
    " был была было были есть чем где почему сколько какой какая какие каждый его её их до при после нет может очень"
    " ещё к о со во два три",
    "uk": "і й в у не на що він як це з по але із за від для так же то все б вона вони ми ви я якщо або вже коли тільки"
    " був була було були є чим де чому скільки який яка які кожен його її їх до при після немає може дуже ще та",
    "bg": "и в не на че той как това с по но от за до се са е ще да си той тя те ние вие аз ако или вече когато само"
    " беше има къде защо колко кой коя кои всеки неговата им след преди няма може много още към със във",
    "sr": "и у не на да се је су за од са о што како који која које или али као био била било бити има ако када где"
    " зашто колико сваки ово његов само већ још тако при између може такође сам из него врло по до није",
    "ar": "في من على إلى عن أن هو هي هذا هذه التي الذي ما لا كان كانت قد كل بعد قبل مع أو ثم لكن كم كيف لماذا أين متى"
    " هل إذا عند بين و أي غير",
    "fa": "در به از که این را با است برای آن یک خود تا کرد بر هم نیز می شود شد یا چه چرا چند چگونه کجا هر اما اگر پس"
    " بود دارد کند باید",
    "ur": "کے کی میں ہے اور سے کا کو اس کہ پر یہ وہ نے تھا تھی ہیں ایک کیا کیوں کتنے کیسے کہاں ہر لیکن اگر بھی نہیں جو",
}  # fmt: skip
